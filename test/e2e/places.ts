/** The names of everything in the story. */
export const namespace = 'voice';
export const operatorNamespace = 'sipcluster-system';
export const cluster = 'contact-center';
export const domain = 'sip.example.com';
export const password = 'secret';
/** Name of all proxies, of both data centres, for phones and Record-Route. */
export const proxiesName = `proxies.${namespace}.svc.cluster.local`;

export type DataCentre = 'dc1' | 'dc2';
export const dataCentres: readonly DataCentre[] = ['dc1', 'dc2'];

export interface PairPlace {
  readonly name: string;
  readonly dataCentre: DataCentre;
}

export const pairs: readonly PairPlace[] = [
  { name: 'ss1', dataCentre: 'dc1' },
  { name: 'ss2', dataCentre: 'dc1' },
  { name: 'ss3', dataCentre: 'dc2' },
];
export const roles = ['primary', 'backup'] as const;
export type Role = (typeof roles)[number];

export function memberPod({ name }: PairPlace, role: Role): string {
  return `${name}-${role}`;
}

/** Phones that people use, and those for many calls. */
export const people: Readonly<Record<DataCentre, readonly string[]>> = {
  dc1: ['alice', 'carol', 'erin'],
  dc2: ['bob', 'dave', 'frank'],
};
export const crowd: Readonly<Record<DataCentre, readonly string[]>> = {
  dc1: Array.from({ length: 10 }, (_, n) => `agent1${n}`),
  dc2: Array.from({ length: 10 }, (_, n) => `agent2${n}`),
};

export function phonesPod(dataCentre: DataCentre): string {
  return `phones-${dataCentre}`;
}

/** Name of the proxies of a data centre: their headless Service for UDP, whose SRV records name the ready ones. */
export function proxiesOf(dataCentre: DataCentre): string {
  return `proxies-${dataCentre}.${namespace}.svc.cluster.local`;
}
