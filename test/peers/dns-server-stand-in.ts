import dgram from 'node:dgram';
import { AUTHORITATIVE_ANSWER, RECURSION_DESIRED, decode, encode, type Answer, type DecodedPacket } from 'dns-packet';
import { formatAddress, type Address } from './address.ts';

export interface Srv {
  readonly target: string;
  readonly port: number;
  readonly priority?: number;
  readonly weight?: number;
}

export interface Naptr {
  readonly order: number;
  /** 'SIP+D2U' */
  readonly service: string;
  /** Where to look for SRV records. */
  readonly replacement: string;
}

/** A DNS server over UDP that knows just what a test tells it: A, SRV and NAPTR records. */
export class DnsServerStandIn {
  readonly #socket = dgram.createSocket('udp4');
  readonly #addresses = new Map<string, readonly string[]>();
  readonly #services = new Map<string, readonly Srv[]>();
  readonly #naptr = new Map<string, readonly Naptr[]>();
  /** Of all records, s. */
  ttl = 1;
  /** Questions asked. */
  questions = 0;

  private constructor() {
    this.#socket.on('message', (datagram, from) => this.#answer(datagram, from));
  }

  static async start(at: Address = { address: '127.0.0.1', port: 0 }): Promise<DnsServerStandIn> {
    const server = new DnsServerStandIn();
    await new Promise<void>((resolve, reject) => {
      server.#socket.once('error', reject).bind({ ...at, exclusive: true }, resolve);
    });
    return server;
  }

  /** `IP:PORT`. */
  get address(): string {
    return formatAddress(this.#socket.address());
  }

  /** `a('phones.example.com', ['127.0.0.1'])`: these and no others. */
  a(name: string, addresses: readonly string[]): this {
    this.#addresses.set(name.toLowerCase(), addresses);
    return this;
  }

  /** `srv('_sip._udp.example.com', …)`: these and no others. */
  srv(name: string, services: readonly Srv[]): this {
    this.#services.set(name.toLowerCase(), services);
    return this;
  }

  naptr(name: string, records: readonly Naptr[]): this {
    this.#naptr.set(name.toLowerCase(), records);
    return this;
  }

  /** The SRV records `_sip._udp` and `_sip._tcp` of a name, and an A record for each of their targets. */
  sip(name: string, targets: readonly (Address & { readonly priority?: number })[]): this {
    const services = targets.map(({ address, port, priority }): Srv => {
      const target = `at-${address.replaceAll('.', '-')}.${name}`;
      this.a(target, [address]);
      return { target, port, priority: priority ?? 0 };
    });
    return this.srv(`_sip._udp.${name}`, services).srv(`_sip._tcp.${name}`, services);
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(resolve));
  }

  #answer(datagram: Buffer, from: dgram.RemoteInfo): void {
    const answer = this.#answerTo(datagram);
    if (answer) this.#socket.send(answer, from.port, from.address);
  }

  #answerTo(datagram: Buffer): Buffer | undefined {
    let query: DecodedPacket;
    try {
      query = decode(datagram);
    } catch {
      return undefined; // not a DNS message
    }
    const answers: Answer[] = [];
    let unknown = false;
    for (const { name, type } of query.questions ?? []) {
      this.questions += 1;
      const addresses = this.#addresses.get(name.toLowerCase());
      const services = this.#services.get(name.toLowerCase());
      const naptr = this.#naptr.get(name.toLowerCase());
      const { ttl } = this;
      unknown ||= !addresses && !services && !naptr;
      if (type === 'A') {
        for (const data of addresses ?? []) answers.push({ type, name, ttl, data });
      } else if (type === 'NAPTR') {
        for (const { service, ...rest } of naptr ?? []) {
          answers.push({
            type,
            name,
            ttl,
            data: { preference: 0, flags: 's', services: service, regexp: '', ...rest },
          });
        }
      } else if (type === 'SRV') {
        for (const { priority = 0, weight = 1, ...rest } of services ?? []) {
          answers.push({ type, name, ttl, data: { priority, weight, ...rest } });
        }
      }
    }
    // RFC 1035 4.1.1: code 3 is a name error.
    const flags = AUTHORITATIVE_ANSWER | RECURSION_DESIRED | (unknown ? 3 : 0);
    return encode({ type: 'response', id: query.id ?? 0, flags, questions: query.questions ?? [], answers });
  }
}
