/**
 * Taken from no text, so that it is not looked up on one: V8 tells kinds of texts apart (whole, part of another, put
 * together, a name …), and where it has seen more than four it looks up a text's methods anew for each character.
 */
const { charCodeAt } = String.prototype;

const BASIS = 0x811c9dc5;

/** 32-bit FNV-1a over the characters of text[start, end), a latin1 text: names in tokens, keys of rendezvous hashing. Not for secrets. */
export function fnv1a(text: string, seed = BASIS, start = 0, end = text.length): number {
  return fnv1aBits(text, seed, start, end) >>> 0;
}

/** The same 32 bits as a signed number, which V8 never makes an object of. */
export function fnv1aBits(text: string, seed: number = BASIS | 0, start = 0, end: number = text.length): number {
  let hash = seed;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ charCodeAt.call(text, i), 0x01000193);
  return hash | 0;
}
