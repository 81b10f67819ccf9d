/**
 * A shard's key range and the keys in it, relative to the range as `Store` takes them. A part of a key that may hold
 * any character has its `/` and `%` escaped, so that keys can be read with etcdctl and still be parsed back.
 */
export type Key =
  | { readonly kind: 'binding'; readonly aor: string; readonly id: string }
  | { readonly kind: 'call'; readonly callId: string }
  | { readonly kind: 'calls'; readonly proxy: string; readonly boot: string; readonly number: number }
  | { readonly kind: 'key'; readonly geoLocation: string; readonly id: number }
  | { readonly kind: 'owner'; readonly geoLocation: string }
  | { readonly kind: 'proxy'; readonly name: string }
  | { readonly kind: 'health'; readonly name: string };

/** The shard's range: every key of it begins so. The version is that of the layout. */
export function prefix(namespace: string, cluster: string, switchName: string, dn: string): string {
  return `/sipcluster/v1/${[namespace, cluster, switchName, dn].map(escape).join('/')}/`;
}

export function bindingKey(binding: { readonly aor: string; readonly id: string }): string {
  return `binding/${escape(binding.aor)}/${escape(binding.id)}`;
}

/** One call by itself, as layout 1 has them. */
export function callKey(callId: string): string {
  return `call/${escape(callId)}`;
}

/** A segment of calls: the proxy that wrote it, the boot id of its process, and the how manieth of that process. */
export function callsKey(proxy: string, boot: string, number: number): string {
  return `call/${escape(proxy)}/${escape(boot)}.${number}`;
}

/** A token key is named by the data centre that made it; its copies in other stores have the same name. */
export function tokenKeyKey(key: { readonly geoLocation: string; readonly id: number }): string {
  return `key/${escape(key.geoLocation)}/${key.id}`;
}

export function proxyKey(name: string): string {
  return `proxy/${escape(name)}`;
}

export function healthKey(name: string): string {
  return `health/${escape(name)}`;
}

export function ownerKey(geoLocation: string): string {
  return `owner/${escape(geoLocation)}`;
}

/** Undefined for a key of a kind or form that this release does not know. */
export function parseKey(key: string): Key | undefined {
  const slash = key.indexOf('/');
  const rest = key.slice(slash + 1);
  if (slash < 0 || rest === '') return undefined;
  switch (key.slice(0, slash)) {
    case 'binding': {
      const [aor, id] = twoParts(rest);
      return aor === undefined || id === undefined ? undefined : { kind: 'binding', aor, id };
    }
    case 'key': {
      const [geoLocation, id] = twoParts(rest);
      if (geoLocation === undefined || id === undefined || !/^\d{1,5}$/.test(id) || Number(id) > 0xffff)
        return undefined;
      return { kind: 'key', geoLocation, id: Number(id) };
    }
    case 'call':
      return rest.includes('/') ? parseCallsKey(rest) : { kind: 'call', callId: unescape(rest) };
    case 'owner':
      return rest.includes('/') ? undefined : { kind: 'owner', geoLocation: unescape(rest) };
    case 'proxy':
      return rest.includes('/') ? undefined : { kind: 'proxy', name: unescape(rest) };
    case 'health':
      return rest.includes('/') ? undefined : { kind: 'health', name: unescape(rest) };
    default:
      return undefined;
  }
}

function parseCallsKey(rest: string): Key | undefined {
  const [proxy, name] = twoParts(rest);
  const dot = name?.lastIndexOf('.') ?? -1;
  if (proxy === undefined || name === undefined || dot <= 0) return undefined;
  const number = name.slice(dot + 1);
  return /^\d{1,15}$/.test(number)
    ? { kind: 'calls', proxy, boot: name.slice(0, dot), number: Number(number) }
    : undefined;
}

function twoParts(text: string): [string | undefined, string | undefined] {
  const slash = text.indexOf('/');
  if (slash <= 0 || slash === text.length - 1 || text.includes('/', slash + 1)) return [undefined, undefined];
  return [unescape(text.slice(0, slash)), unescape(text.slice(slash + 1))];
}

function escape(part: string): string {
  return /[/%]/.test(part) ? part.replaceAll('%', '%25').replaceAll('/', '%2F') : part;
}

function unescape(part: string): string {
  return part.includes('%') ? part.replaceAll('%2F', '/').replaceAll('%25', '%') : part;
}
