/**
 * Where everything is: each thing has a network namespace and an address of its own, in the range set apart for tests
 * of networks (RFC 2544), which nothing outside the namespaces ever sees.
 */
export type DataCentre = 'dc1' | 'dc2';

export const dataCentres: readonly DataCentre[] = ['dc1', 'dc2'];
export const domain = 'sip.example.com';
/** The proxies' name, which phones and Record-Route use. */
export const proxiesName = 'proxies.sip.example.com';
export const password = 'secret';

export interface Place {
  readonly name: string;
  readonly dataCentre: DataCentre;
  readonly address: string;
}

/** The name of a pair's member in the proxies' DNS. */
export function nameOf({ name }: Place): string {
  return `${name}.${domain}`;
}

export interface PairPlace {
  readonly name: string;
  readonly dataCentre: DataCentre;
  readonly primary: Place;
  readonly backup: Place;
}

const net = (dataCentre: DataCentre, host: number): string => `198.18.${dataCentre === 'dc1' ? 1 : 2}.${host}`;

/** How `sipcluster status` counts them: `dc1/0`. */
export const proxies: readonly Place[] = dataCentres.flatMap((dataCentre) =>
  [0, 1].map((n) => ({ name: `${dataCentre}/${n}`, dataCentre, address: net(dataCentre, 10 + n) })),
);

export const pairs: readonly PairPlace[] = dataCentres.flatMap((dataCentre) =>
  [1, 2].map((n) => {
    const name = `${dataCentre}-ss${n}`;
    const member = (role: string, host: number): Place => ({
      name: `${name}-${role}`,
      dataCentre,
      address: net(dataCentre, host),
    });
    return { name, dataCentre, primary: member('primary', 20 + 2 * n), backup: member('backup', 21 + 2 * n) };
  }),
);

export const etcdMembers: readonly Place[] = dataCentres.flatMap((dataCentre) =>
  [1, 2, 3].map((n) => ({ name: `${dataCentre}-etcd${n}`, dataCentre, address: net(dataCentre, 30 + n) })),
);

/** DNS servers live in the phones' namespace, with an address each: the phones' and SIP Servers', and the proxies'. */
export const nameServers: Readonly<Record<DataCentre, string>> = { dc1: net('dc1', 53), dc2: net('dc2', 53) };
export const proxyNameServer = net('dc1', 54);

export const phones: readonly Place[] = dataCentres.flatMap((dataCentre) =>
  Array.from({ length: 20 }, (_, n) => ({
    name: `${dataCentre === 'dc1' ? 'anna' : 'bert'}${n}`,
    dataCentre,
    address: net(dataCentre, 100 + n),
  })),
);

/** Phones that nobody calls, since they remove or change their contact all the time. */
export const movers: readonly Place[] = dataCentres.flatMap((dataCentre) =>
  Array.from({ length: 4 }, (_, n) => ({
    name: `${dataCentre === 'dc1' ? 'carl' : 'dora'}${n}`,
    dataCentre,
    address: net(dataCentre, 130 + n),
  })),
);

/** All addresses of a data centre. */
export function addressesOf(dataCentre: DataCentre): string[] {
  const members = pairs.flatMap(({ primary, backup }) => [primary, backup]);
  const places = [...proxies, ...members, ...etcdMembers, ...phones, ...movers].filter(
    (place) => place.dataCentre === dataCentre,
  );
  return [
    ...places.map(({ address }) => address),
    nameServers[dataCentre],
    ...(dataCentre === 'dc1' ? [proxyNameServer] : []),
  ];
}
