/** Bytes that SHA-256 takes at a time, and bytes of a digest. */
const BLOCK = 64;
export const DIGEST_BYTES = 32;

// FIPS 180-4 4.2.2, 5.3.3: the first 32 bits of the fractional parts of the primes' cube and square roots
const ROUND = new Int32Array(64);
const INITIAL = new Int32Array(8);

function fraction(root: number): number {
  return ((root - Math.floor(root)) * 2 ** 32) | 0;
}

for (let candidate = 2, found = 0; found < 64; candidate++) {
  let prime = true;
  for (let divisor = 2; divisor * divisor <= candidate; divisor++) if (candidate % divisor === 0) prime = false;
  if (!prime) continue;
  if (found < 8) INITIAL[found] = fraction(Math.sqrt(candidate));
  ROUND[found++] = fraction(Math.cbrt(candidate));
}

const schedule = new Int32Array(64);

/** FIPS 180-4 6.2.2: takes the block at `bytes[at]` into `state`. */
function compress(state: Int32Array, bytes: Uint8Array, at: number): void {
  const w = schedule;
  for (let i = 0; i < 16; i++, at += 4) {
    w[i] = ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
  }
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15] ?? 0;
    const y = w[i - 2] ?? 0;
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[i] = ((w[i - 16] ?? 0) + s0 + (w[i - 7] ?? 0) + s1) | 0;
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const one = (h + s1 + ((e & f) ^ (~e & g)) + (ROUND[i] ?? 0) + (w[i] ?? 0)) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const two = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + one) | 0;
    d = c;
    c = b;
    b = a;
    a = (one + two) | 0;
  }
  state[0] = (state[0] ?? 0) + a;
  state[1] = (state[1] ?? 0) + b;
  state[2] = (state[2] ?? 0) + c;
  state[3] = (state[3] ?? 0) + d;
  state[4] = (state[4] ?? 0) + e;
  state[5] = (state[5] ?? 0) + f;
  state[6] = (state[6] ?? 0) + g;
  state[7] = (state[7] ?? 0) + h;
}

/**
 * HMAC-SHA-256 (RFC 2104, FIPS 198-1) with one key, for short texts many times. node:crypto makes objects for each,
 * which costs four times what the two hashes of a short text do; and what the key alone decides is computed once.
 */
export class Hmac {
  readonly #inner = Int32Array.from(INITIAL);
  readonly #outer = Int32Array.from(INITIAL);
  readonly #state = new Int32Array(8);
  readonly #last = new Uint8Array(2 * BLOCK);

  /** `key` of at most 64 bytes: longer ones would have to be hashed first. Throws RangeError. */
  constructor(key: Uint8Array) {
    if (key.length > BLOCK) throw new RangeError(`an HMAC key of ${key.length} bytes: at most ${BLOCK} are taken`);
    const pad = new Uint8Array(BLOCK);
    pad.set(key);
    compress(
      this.#inner,
      pad.map((byte) => byte ^ 0x36),
      0,
    );
    compress(
      this.#outer,
      pad.map((byte) => byte ^ 0x5c),
      0,
    );
  }

  /** Writes the HMAC of bytes[0, length) to the first 32 bytes of `digest`. */
  digest(bytes: Uint8Array, length: number, digest: Uint8Array): void {
    const state = this.#state;
    state.set(this.#inner);
    this.#finish(bytes, length);
    write(state, digest);
    state.set(this.#outer);
    this.#finish(digest, DIGEST_BYTES);
    write(state, digest);
  }

  /** FIPS 180-4 5.1.1: all of it, then a one bit, zeros, and how many bits there were: the key's block counts. */
  #finish(bytes: Uint8Array, length: number): void {
    const state = this.#state;
    const last = this.#last;
    let at = 0;
    for (; at + BLOCK <= length; at += BLOCK) compress(state, bytes, at);
    const rest = length - at;
    for (let i = 0; i < rest; i++) last[i] = bytes[at + i] ?? 0;
    const end = rest + 9 <= BLOCK ? BLOCK : 2 * BLOCK;
    last.fill(0, rest, end);
    last[rest] = 0x80;
    const bits = (BLOCK + length) * 8;
    for (let i = 1; i <= 4; i++) last[end - i] = bits >>> (8 * (i - 1));
    compress(state, last, 0);
    if (end > BLOCK) compress(state, last, BLOCK);
  }
}

function write(state: Int32Array, digest: Uint8Array): void {
  for (let i = 0; i < 8; i++) {
    const word = state[i] ?? 0;
    digest[4 * i] = word >>> 24;
    digest[4 * i + 1] = word >>> 16;
    digest[4 * i + 2] = word >>> 8;
    digest[4 * i + 3] = word;
  }
}
