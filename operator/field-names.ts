import type { Shard } from './plan/shard.ts';

type Place = Pick<Shard, 'switch' | 'dn' | 'geoLocation'>;

/** Where a shard's DN is in the manifest, as messages name it. */
export function dnPath({ switch: switchName, dn }: Omit<Place, 'geoLocation'>): string {
  return `spec.switches[${switchName}].clusterDNs[${dn}]`;
}

/** Where its proxies are. */
export function setPath(place: Place): string {
  return `${dnPath(place)}.proxies[${place.geoLocation}]`;
}

/** Fields of a shard that name a Secret which only its proxies read, and the Secret. */
export function secretFields(shard: Shard): { field: string; secret: string }[] {
  const { listeners, servers } = shard.config;
  const name = (directory: string | undefined): string | undefined => directory?.replace('${SECRETS}/', '');
  const fields = [
    ...listeners.map(({ tls, transport, port }) => ({
      field: `${setPath(shard)}.listeners[${transport} ${port}].tlsSecretName`,
      secret: name(tls),
    })),
    ...servers.flatMap((server) =>
      server.members.flatMap(({ role, tls }) => {
        const at = `${dnPath(shard)}.sipServers[${server.name}].${role}.tls`;
        return [
          { field: `${at}.caSecretName`, secret: name(tls?.ca) },
          { field: `${at}.clientSecretName`, secret: name(tls?.client) },
        ];
      }),
    ),
  ];
  return fields.flatMap(({ field, secret }) => (secret === undefined ? [] : [{ field, secret }]));
}

/** Fields of a shard that name that Secret. */
export function fieldsNaming(shard: Shard, secret: string): string[] {
  return secretFields(shard)
    .filter((named) => named.secret === secret)
    .map(({ field }) => field);
}
