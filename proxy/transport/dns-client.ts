import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, isIP, isIPv6 } from 'node:net';
import { decode, encode, RECURSION_DESIRED, type Answer, type DecodedPacket, type RecordType } from 'dns-packet';

/** A DNS query that failed; `code` as node:dns has it. */
export class DnsError extends Error {
  override readonly name = 'DnsError';
  readonly code: 'ENOTFOUND' | 'ENODATA' | 'ESERVFAIL' | 'ETIMEOUT' | 'ECONNREFUSED';
  /** ENOTFOUND, ENODATA: for how long that holds, s, where the zone says so (RFC 2308 5). */
  readonly ttl: number | undefined;

  constructor(code: DnsError['code'], question: string, ttl?: number) {
    super(`${question}: ${code}`);
    this.code = code;
    this.ttl = ttl;
  }
}

interface DnsClientOptions {
  /** `192.0.2.53`, `192.0.2.53:5353`, `[2001:db8::53]:5353`: as node:dns's getServers() gives them. */
  readonly servers: () => readonly string[];
  /** ms, of a clock that is not set. */
  readonly now: () => number;
  /** ms a server has to answer. */
  readonly timeout?: number;
  /** How often all servers are asked. */
  readonly tries?: number;
}

/** How long a server that said nothing is asked after the others, ms. */
const SILENT = 30_000;

/** RFC 1035 4.1.1 */
const truncatedBit = 0x0200;
const rcodeBits = 0x000f;
const nameError = 3;

/**
 * Asks name servers for what node:dns does not tell: SRV and NAPTR records with their TTL (RFC 1035; by TCP where an
 * answer does not fit in a datagram).
 */
export class DnsClient {
  readonly #servers: () => readonly string[];
  readonly #now: () => number;
  readonly #timeout: number;
  readonly #tries: number;
  /** Until when, of servers that there are. */
  readonly #silent = new Map<string, number>();

  constructor({ servers, now, timeout = 2_000, tries = 2 }: DnsClientOptions) {
    this.#servers = servers;
    this.#now = now;
    this.#timeout = timeout;
    this.#tries = tries;
  }

  /** The records of this kind that a name has, at least one. Rejects with DnsError. */
  async query<T extends RecordType>(name: string, type: T): Promise<Extract<Answer, { type: T }>[]> {
    const question = `query ${type} ${name}`;
    let last = new DnsError('ESERVFAIL', question);
    for (let attempt = 0; attempt < this.#tries; attempt++) {
      for (const server of this.#inOrder()) {
        try {
          const packet = await this.#ask(server, name, type);
          this.#silent.delete(server);
          return answersIn(packet, type, question);
        } catch (error) {
          if (!(error instanceof DnsError)) throw error;
          if (error.code === 'ETIMEOUT') this.#silent.set(server, this.#now() + SILENT);
          if (error.code === 'ENOTFOUND' || error.code === 'ENODATA') throw error;
          last = error;
        }
      }
    }
    throw last;
  }

  /** As they were given, but who said nothing a short while ago last: else each question would wait for it anew. */
  #inOrder(): readonly string[] {
    const servers = this.#servers();
    for (const server of this.#silent.keys()) if (!servers.includes(server)) this.#silent.delete(server);
    if (this.#silent.size === 0) return servers;
    const now = this.#now();
    const isSilent = (server: string): boolean => (this.#silent.get(server) ?? 0) > now;
    return [...servers.filter((server) => !isSilent(server)), ...servers.filter(isSilent)];
  }

  async #ask(server: string, name: string, type: RecordType): Promise<DecodedPacket> {
    const at = addressOf(server);
    const id = randomInt(0x10000);
    const query = encode({ type: 'query', id, flags: RECURSION_DESIRED, questions: [{ type, name }] });
    const question = `query ${type} ${name} to ${server}`;
    const isAnswer = (packet: DecodedPacket | undefined): boolean => answers(packet, id, name, type);
    const packet = await this.#byUdp(at, query, question, isAnswer);
    if (((packet.flags ?? 0) & truncatedBit) === 0) return packet;
    return await this.#byTcp(at, query, question, isAnswer);
  }

  async #byUdp(at: At, query: Buffer, question: string, isAnswer: IsAnswer): Promise<DecodedPacket> {
    const { promise, resolve, reject } = Promise.withResolvers<DecodedPacket>();
    const socket = createSocket(isIPv6(at.address) ? 'udp6' : 'udp4');
    const timer = setTimeout(() => reject(new DnsError('ETIMEOUT', question)), this.#timeout);
    // a connected socket: nobody else's datagrams get in, and a port where nobody listens is known at once
    socket.on('error', () => reject(new DnsError('ECONNREFUSED', question)));
    socket.on('message', (datagram) => {
      const packet = decoded(datagram);
      if (packet !== undefined && isAnswer(packet)) resolve(packet);
    });
    socket.connect(at.port, at.address, () => socket.send(query));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      socket.close();
    }
  }

  async #byTcp(at: At, query: Buffer, question: string, isAnswer: IsAnswer): Promise<DecodedPacket> {
    const { promise, resolve, reject } = Promise.withResolvers<DecodedPacket>();
    const socket = connect(at.port, at.address);
    const timer = setTimeout(() => reject(new DnsError('ETIMEOUT', question)), this.#timeout);
    let received = Buffer.alloc(0);
    socket.on('error', () => reject(new DnsError('ECONNREFUSED', question)));
    socket.on('close', () => reject(new DnsError('ESERVFAIL', question)));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      // RFC 1035 4.2.2: two bytes of length before each message
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const packet = decoded(received.subarray(2, 2 + received.readUInt16BE(0)));
      if (packet !== undefined && isAnswer(packet)) resolve(packet);
      else reject(new DnsError('ESERVFAIL', question));
    });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.length);
    socket.write(Buffer.concat([length, query]));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      socket.destroy();
    }
  }
}

interface At {
  readonly address: string;
  readonly port: number;
}

type IsAnswer = (packet: DecodedPacket) => boolean;

function addressOf(server: string): At {
  if (isIP(server) !== 0) return { address: server, port: 53 };
  const colon = server.lastIndexOf(':');
  return { address: server.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(server.slice(colon + 1)) };
}

function decoded(datagram: Buffer): DecodedPacket | undefined {
  try {
    return decode(datagram);
  } catch {
    return undefined; // no DNS message
  }
}

/** RFC 5452 4: the id and the question are those that were sent. */
function answers(packet: DecodedPacket | undefined, id: number, name: string, type: RecordType): boolean {
  if (packet?.type !== 'response' || packet.id !== id) return false;
  const [asked] = packet.questions ?? [];
  return asked !== undefined && asked.type === type && asked.name.toLowerCase() === name.toLowerCase();
}

function answersIn<T extends RecordType>(
  packet: DecodedPacket,
  type: T,
  question: string,
): Extract<Answer, { type: T }>[] {
  const rcode = (packet.flags ?? 0) & rcodeBits;
  if (rcode === nameError) throw new DnsError('ENOTFOUND', question, absentFor(packet));
  if (rcode !== 0) throw new DnsError('ESERVFAIL', question);
  const isAsked = (answer: Answer): answer is Extract<Answer, { type: T }> => answer.type === type;
  const found = (packet.answers ?? []).filter(isAsked);
  if (found.length === 0) throw new DnsError('ENODATA', question, absentFor(packet));
  const aliases = (packet.answers ?? []).filter(({ type: one }) => one === 'CNAME' || one === 'DNAME');
  if (aliases.length === 0) return found;
  // what an alias leads to is its own for no longer than it is one
  const ttl = Math.min(...aliases.map(ttlOf));
  return found.map((answer) => ({ ...answer, ttl: Math.min(ttl, ttlOf(answer)) }));
}

function ttlOf(answer: Answer): number {
  return 'ttl' in answer ? (answer.ttl ?? 0) : 0;
}

/** RFC 2308 5: the lesser of the SOA's own TTL and its minimum. */
function absentFor(packet: DecodedPacket): number | undefined {
  for (const record of packet.authorities ?? []) {
    if (record.type === 'SOA') return Math.min(record.ttl ?? 0, record.data.minimum ?? 0);
  }
  return undefined;
}
