import { BlockList, isIP } from 'node:net';

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
  readonly #ranges = new BlockList();
  readonly #empty: boolean = true;

  /** Throws as parseCidr does. */
  constructor(ranges: Iterable<string>) {
    for (const range of ranges) {
      const { address, prefix, family } = parseCidr(range);
      this.#ranges.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6');
      this.#empty = false;
    }
  }

  /** Of entries as the configuration has them; those that name a certificate are no ranges. */
  static of(entries: readonly { readonly cidr?: string }[]): Cidrs {
    return new Cidrs(entries.flatMap((entry) => entry.cidr ?? []));
  }

  /** Whether this numeric address lies in one of them. */
  has(address: string): boolean {
    // asked for every request, and most proxies are given no ranges at all
    return !this.#empty && this.#ranges.check(address, address.includes(':') ? 'ipv6' : 'ipv4');
  }
}
