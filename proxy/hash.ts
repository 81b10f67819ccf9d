/** 32-bit FNV-1a over the characters of text[start, end), a latin1 text: names in tokens, keys of rendezvous hashing. Not for secrets. */
export function fnv1a(text: string, seed = 0x811c9dc5, start = 0, end = text.length): number {
  let hash = seed;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
