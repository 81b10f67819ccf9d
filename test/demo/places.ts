/**
 * Where everything of the demo is. Each has an address of its own, in 127.1.0.0/16 so that an `up` on its
 * usual addresses is not in the way, and SIP's usual port.
 */
export type DataCentre = 'dc1' | 'dc2';

export const dataCentres: readonly DataCentre[] = ['dc1', 'dc2'];
export const domain = 'sip.example.com';
/** The proxies' name, which phones and Record-Route use. */
export const proxiesName = 'proxies.sip.example.com';
export const password = 'secret';

export interface ProxyPlace {
  readonly name: string;
  readonly dataCentre: DataCentre;
  readonly number: number;
  readonly address: string;
}

export interface PairPlace {
  readonly name: string;
  readonly dataCentre: DataCentre;
  readonly primary: string;
  readonly backup: string;
}

export interface PhonePlace {
  readonly user: string;
  readonly dataCentre: DataCentre;
  readonly address: string;
}

export const proxies: readonly ProxyPlace[] = dataCentres.flatMap((dataCentre, index) =>
  [0, 1].map((number) => {
    const address = `127.1.${10 + index}.${1 + number}`;
    return { name: `proxy ${dataCentre}/${number}`, dataCentre, number, address };
  }),
);

export const pairs: readonly PairPlace[] = ['ss1', 'ss2', 'ss3', 'ss4'].map((name, index) => {
  const network = `127.1.${20 + Math.floor(index / 2)}.${10 * (1 + (index % 2))}`;
  return { name, dataCentre: index < 2 ? 'dc1' : 'dc2', primary: network, backup: `${network.slice(0, -1)}1` };
});

export const phones: readonly PhonePlace[] = (
  [
    ['alice', 'dc1'],
    ['carol', 'dc1'],
    ['erin', 'dc1'],
    ['grace', 'dc1'],
    ['bob', 'dc2'],
    ['dave', 'dc2'],
    ['frank', 'dc2'],
    ['heidi', 'dc2'],
  ] as const
).map(([user, dataCentre], index) => ({
  user,
  dataCentre,
  address: `127.1.${dataCentre === 'dc1' ? 30 : 31}.${1 + index}`,
}));

/** Somebody in dc1 who doesn't know the password. */
export const intruder: PhonePlace = { user: 'mallory', dataCentre: 'dc1', address: '127.1.30.66' };

/** Addresses of a data centre: what the other one can't reach while the link is cut. */
export function addressesOf(dataCentre: DataCentre): string[] {
  const here = (place: { readonly dataCentre: DataCentre }): boolean => place.dataCentre === dataCentre;
  return [
    ...proxies.filter(here).map(({ address }) => address),
    ...pairs.filter(here).flatMap(({ primary, backup }) => [primary, backup]),
    ...phones.filter(here).map(({ address }) => address),
  ];
}

/** What a ladder calls an `IP:PORT`. */
export function nameOf(address: string): string {
  const ip = address.replace(/:\d+$/, '');
  for (const place of [...proxies, ...phones.map(({ user, ...phone }) => ({ name: user, ...phone }))]) {
    if (place.address === ip) return place.name;
  }
  for (const { name, primary, backup } of pairs) {
    if (primary === ip) return `${name} primary`;
    if (backup === ip) return `${name} backup`;
  }
  return address;
}
