import { createRequire } from 'node:module';
import { getSystemErrorName } from 'node:util';
import type { Hop } from './hop.ts';
import { numberOf, textOf } from './ipv4.ts';
import type { UdpSocket, UdpSocketUser } from './udp-socket.ts';

/** What native/udp.c exports. Addresses are IPv4's as numbers, and the lengths of IPv6's texts, which `names` has. */
interface Native {
  readonly version: number;
  /** A negative number is the system's error. */
  open(
    address: number,
    port: number,
    bufferSize: number,
    received: Buffer,
    receivedNumbers: Buffer,
    sent: Buffer,
    sentNumbers: Buffer,
    quotes: Buffer,
    quoteNumbers: Buffer,
    names: Buffer | undefined,
    onReceived: (count: number) => void,
    onFailed: (error: number, address: number, port: number) => void,
    onUndelivered: (count: number) => void,
  ): NativeSocket | number;
  /** How often it has waited for more datagrams, since many came. */
  pauses(): number;
}

interface NativeSocket {
  /** Gives the kernel what waits. What it does not take goes later. */
  flush(): void;
  close(): void;
}

// As native/udp.c has them.
const VERSION = 4;
const BATCH = 64;
const SLOT = 65_536;
const QUEUE = 4096;
const RECEIVED_STRIDE = 3;
const SENT_HEAD = 2;
const SENT_STRIDE = 4;
const QUOTE = 576;
const ERROR_STRIDE = 4;
const NAME = 64;
const IN_NAMES = 0;
const OUT_NAMES = BATCH;
const QUOTE_NAMES = OUT_NAMES + QUEUE;
const FAILED_NAME = QUOTE_NAMES + BATCH;
const NAMES = FAILED_NAME + 1;
/** Bytes of the datagrams that wait to go out. */
const SENT_BYTES = 2_097_152;

/** Peers whose hop is found by number, one for each slot. */
const KNOWN = 4096;

/** Whether this machine has what takes many datagrams a system call: Linux, and a C compiler when it was installed. */
export const native = load();

function load(): Native | undefined {
  try {
    const built = createRequire(import.meta.url)('./native/build/udp.node') as Native;
    // one that was built before its source last changed is as none
    return built.version === VERSION ? built : undefined;
  } catch {
    return undefined;
  }
}

/** What has come in, side by side. All sockets use it, one at a time: each takes what it got before it returns. */
const received = Buffer.allocUnsafeSlow(BATCH * SLOT);
const receivedNumbers = new Uint32Array(BATCH * RECEIVED_STRIDE);
/** The same of what ICMP errors quote. */
const quotes = Buffer.allocUnsafeSlow(BATCH * QUOTE);
const quoteNumbers = new Uint32Array(BATCH * ERROR_STRIDE);

/** A UDP socket by native/udp.c. */
export class BatchSocket implements UdpSocket {
  readonly tellsIcmp = true;
  readonly #socket: NativeSocket;
  readonly #user: UdpSocketUser;
  readonly #bytes = Buffer.allocUnsafeSlow(SENT_BYTES);
  /** How many wait, how many bytes they take; then for each offset, length, address and port. */
  readonly #numbers = new Uint32Array(SENT_HEAD + QUEUE * SENT_STRIDE);
  readonly #limit: number;
  /** IPv6: the texts of addresses. */
  readonly #names: Buffer | undefined;
  readonly #hops: (Hop | undefined)[] = Array.from<undefined>({ length: KNOWN });
  readonly #addresses = new Uint32Array(KNOWN);
  #closed = false;

  /** Bound to what is free. Throws what the system says. At most `limit` datagrams wait to go out. */
  constructor(with_: Native, address: string, port: number, bufferSize: number, limit: number, user: UdpSocketUser) {
    this.#user = user;
    this.#limit = Math.min(limit, QUEUE);
    this.#names = address.includes(':') ? Buffer.allocUnsafeSlow(NAMES * NAME) : undefined;
    const socket = with_.open(
      this.#names === undefined ? numberOf(address) : this.#names.write(address, 0, NAME, 'latin1'),
      port,
      bufferSize,
      received,
      Buffer.from(receivedNumbers.buffer),
      this.#bytes,
      Buffer.from(this.#numbers.buffer),
      quotes,
      Buffer.from(quoteNumbers.buffer),
      this.#names,
      (count) => this.#received(count),
      (error, to, at) => user.failed(systemError(error), this.#text(to, FAILED_NAME), at),
      (count) => this.#undelivered(count),
    );
    if (typeof socket === 'number') throw systemError(-socket);
    this.#socket = socket;
  }

  get queued(): number {
    return this.#numbers[0] ?? 0;
  }

  send(text: string, { address, port }: Hop): boolean {
    const numbers = this.#numbers;
    let count = numbers[0] ?? 0;
    let bytes = numbers[1] ?? 0;
    if (count >= BATCH || bytes + text.length > SENT_BYTES) {
      this.#socket.flush();
      count = numbers[0] ?? 0;
      bytes = numbers[1] ?? 0;
      if (count >= this.#limit || bytes + text.length > SENT_BYTES) return false;
    }
    const at = SENT_HEAD + count * SENT_STRIDE;
    numbers[at] = bytes;
    numbers[at + 1] = this.#bytes.write(text, bytes, 'latin1');
    numbers[at + 2] =
      this.#names === undefined
        ? numberOf(address)
        : this.#names.write(address, (OUT_NAMES + count) * NAME, NAME, 'latin1');
    numbers[at + 3] = port;
    numbers[0] = count + 1;
    numbers[1] = bytes + text.length;
    return true;
  }

  sendBytes(bytes: Buffer, hop: Hop): boolean {
    return this.send(bytes.toString('latin1'), hop);
  }

  close(): Promise<void> {
    if (!this.#closed) this.#socket.close();
    this.#closed = true;
    return Promise.resolve();
  }

  #received(count: number): void {
    for (let i = 0; i < count && !this.#closed; i++) {
      const length = receivedNumbers[i * RECEIVED_STRIDE] ?? 0;
      const address = receivedNumbers[i * RECEIVED_STRIDE + 1] ?? 0;
      const port = receivedNumbers[i * RECEIVED_STRIDE + 2] ?? 0;
      const from =
        this.#names === undefined
          ? this.#hopOf(address, port)
          : this.#user.hop(this.#text(address, IN_NAMES + i), port);
      this.#user.received(received, i * SLOT, i * SLOT + length, from);
    }
  }

  #undelivered(count: number): void {
    for (let i = 0; i < count && !this.#closed; i++) {
      const at = i * ERROR_STRIDE;
      const length = quoteNumbers[at] ?? 0;
      const address = this.#text(quoteNumbers[at + 1] ?? 0, QUOTE_NAMES + i);
      const error = quoteNumbers[at + 3] ?? 0;
      this.#user.undelivered(quotes, i * QUOTE, i * QUOTE + length, error, address, quoteNumbers[at + 2] ?? 0);
    }
  }

  /** An address that native/udp.c tells. */
  #text(address: number, slot: number): string {
    return this.#names?.toString('latin1', slot * NAME, slot * NAME + address) ?? textOf(address);
  }

  #hopOf(address: number, port: number): Hop {
    const slot = (Math.imul(address ^ (port << 16) ^ port, 0x9e3779b1) >>> 20) & (KNOWN - 1);
    const known = this.#hops[slot];
    if (known !== undefined && known.port === port && this.#addresses[slot] === address) return known;
    const hop = this.#user.hop(textOf(address), port);
    this.#hops[slot] = hop;
    this.#addresses[slot] = address;
    return hop;
  }
}

function systemError(number: number): Error {
  const code = getSystemErrorName(-number);
  return Object.assign(new Error(code), { code, errno: -number });
}
