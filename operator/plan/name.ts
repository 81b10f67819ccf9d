import { createHash } from 'node:crypto';

/** A Deployment's pods add 17 characters to its name, and 63 is a label's limit. */
const longest = 46;
const hashLength = 8;
const longestTail = 16;

/** A shard's name: `<cluster>-<switch>-<dn>-<geo>`, DNS-1123 safe, with a short hash where it isn't that as it stands. */
export function shardName(cluster: string, switchName: string, dn: string, geoLocation: string): string {
  // Parted elsewhere, the same name could be another shard's, or the store's of a geo-location.
  const ambiguous = switchName.includes('-') || dn.includes('-') || switchName === 'etcd';
  return safe([cluster, switchName, dn, geoLocation], ambiguous);
}

/** A store's name: `<cluster>-etcd-<geo>`, made safe in the same way. */
export function storeName(cluster: string, geoLocation: string): string {
  return safe([cluster, 'etcd', geoLocation], false);
}

/** The name of the Secret with the token for its proxies' admin ports: `<cluster>-admin`. */
export function adminSecretName(cluster: string): string {
  return safe([cluster, 'admin'], false);
}

function safe(parts: readonly string[], ambiguous: boolean): string {
  const plain = parts.join('-');
  const name = dashed(plain);
  // A Service's name starts with a letter (RFC 1035).
  const lettered = /^[a-z]/.test(name) ? name : `s-${name}`;
  if (lettered === plain && plain.length <= longest && !ambiguous) return plain;
  const hash = createHash('sha256').update(parts.join('/')).digest('hex').slice(0, hashLength);
  const room = longest - hashLength - 1;
  if (lettered.length <= room) return `${lettered}-${hash}`;
  // What is cut lies in the middle: the cluster and the geo-location are what people look for.
  const tail = `-${dashed(parts.at(-1) ?? '')}`.slice(0, longestTail);
  return `${lettered.slice(0, room - tail.length).replace(/-$/, '')}${tail.replace(/-$/, '')}-${hash}`;
}

function dashed(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
}
