/** 32-bit FNV-1a over the characters of a latin1 text: names in tokens, keys of rendezvous hashing. Not for secrets. */
export function fnv1a(text: string, seed = 0x811c9dc5): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
