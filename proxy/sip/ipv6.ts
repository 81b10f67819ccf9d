/** What most are written like: no group is or begins with 0, and `::` stands for two groups or more. */
const USUAL = /^(?:[1-9a-f][0-9a-f]{0,3}:){1,5}:[1-9a-f][0-9a-f]{0,3}$/;

/**
 * An IPv6 address, in lower case, as RFC 5952 writes it, which is also what sockets say: equal addresses become equal
 * texts (RFC 5954 4.2). What is no address stays as it is.
 */
export function ipv6Text(address: string): string {
  if (USUAL.test(address)) return address;
  const groups = groupsOf(address);
  if (groups === undefined) return address;
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (mapped) return `::ffff:${dotted(groups[6] ?? 0)}.${dotted(groups[7] ?? 0)}`;
  // the longest run of zero groups, the first of several, but never a single one (4.2.2, 4.2.3)
  let from = 0;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (groups[end] === 0) end++;
    if (end - i > length) [from, length] = [i, end - i];
  }
  const texts = groups.map((group) => group.toString(16));
  if (length === 1) return texts.join(':');
  return `${texts.slice(0, from).join(':')}::${texts.slice(from + length).join(':')}`;
}

/**
 * Whether `address`, in any case, may stand in an IPv6reference: it is an IPv6 address (RFC 5954 4.1), or one with the
 * third colon before its IPv4 address that the grammar of RFC 3261 makes (RFC 5118 4.10).
 */
export function isReference(address: string): boolean {
  const lower = address.toLowerCase();
  return USUAL.test(lower) || groupsOf(lower.replace(/:::(?=[\d.]+\.)/, '::')) !== undefined;
}

/** The eight groups of an address; undefined if it is none. */
function groupsOf(address: string): number[] | undefined {
  const [head = '', tail, more] = address.split('::');
  if (more !== undefined) return undefined;
  const before = numbers(head, tail === undefined);
  const after = tail === undefined ? [] : numbers(tail, true);
  if (before === undefined || after === undefined) return undefined;
  const missing = 8 - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  return [...before, ...Array.from({ length: missing }, () => 0), ...after];
}

/** Groups between single colons; `last`: an IPv4 address may end them. */
function numbers(text: string, last: boolean): number[] | undefined {
  if (text === '') return [];
  const found: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (last && i === parts.length - 1 && part.includes('.')) {
      const bytes = part.split('.').map((byte) => (/^\d{1,3}$/.test(byte) ? Number(byte) : 256));
      const [a = 0, b = 0, c = 0, d = 0] = bytes;
      if (bytes.length !== 4 || Math.max(...bytes) > 255) return undefined;
      found.push(a * 256 + b, c * 256 + d);
    } else if (/^[0-9a-f]{1,4}$/.test(part)) found.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return found;
}

function dotted(group: number): string {
  return `${group >> 8}.${group & 255}`;
}
