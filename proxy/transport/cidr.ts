import { BlockList, isIP } from 'node:net';
import { numberOf } from './ipv4.ts';

interface Cidr {
  readonly address: string;
  readonly family: 4 | 6;
  readonly prefix: number;
}

/** "192.0.2.0/28", "2001:db8::/32", or one address alone. Throws an Error that says what is wrong with it. */
function parseCidr(text: string): Cidr {
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const family = isIP(address);
  if (family !== 4 && family !== 6) throw new Error(`"${text}" is not an address or a range such as 192.0.2.0/28`);
  const longest = family === 4 ? 32 : 128;
  if (slash < 0) return { address, family, prefix: longest };
  const digits = text.slice(slash + 1);
  const prefix = Number(digits);
  if (!/^\d{1,3}$/.test(digits) || prefix > longest) {
    throw new Error(`"${text}": the prefix length of an IPv${family} range is 0 to ${longest}`);
  }
  return { address, family, prefix };
}

/** Ranges of addresses. */
export class Cidrs {
  /** Of IPv4, as a network and a mask each: they are asked for every request, and BlockList makes objects for it. */
  readonly #networks: number[] = [];
  readonly #masks: number[] = [];
  readonly #others = new BlockList();

  /** Throws as parseCidr does. */
  constructor(ranges: Iterable<string>) {
    for (const range of ranges) {
      const { address, prefix, family } = parseCidr(range);
      if (family === 6) this.#others.addSubnet(address, prefix, 'ipv6');
      else {
        const mask = prefix === 0 ? 0 : (-1 << (32 - prefix)) >>> 0;
        this.#networks.push((numberOf(address) & mask) >>> 0);
        this.#masks.push(mask);
      }
    }
  }

  /** Of entries as the configuration has them; those that name a certificate are no ranges. */
  static of(entries: readonly { readonly cidr?: string }[]): Cidrs {
    return new Cidrs(entries.flatMap((entry) => entry.cidr ?? []));
  }

  /** Whether this numeric address lies in one of them. */
  has(address: string): boolean {
    if (address.includes(':')) return this.#others.check(address, 'ipv6');
    const { length } = this.#networks;
    if (length === 0) return false;
    const number = numberOf(address);
    for (let i = 0; i < length; i++) if ((number & (this.#masks[i] ?? 0)) >>> 0 === this.#networks[i]) return true;
    return false;
  }
}
