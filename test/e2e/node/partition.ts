import type { Node } from './node.ts';
import { network } from './network.ts';

/** The chain of its rules, in two tables. */
const chain = 'APART';
const tables = { filter: 'FORWARD', nat: 'POSTROUTING' } as const;

/** Addresses of the pods of a data centre. */
export interface Side {
  readonly proxies: readonly string[];
  /** Other pods that have nothing to do with the other side. */
  readonly others: readonly string[];
}

/**
 * Two sides whose pods reach each other by none of their addresses: only what goes to a Service gets there, and it comes
 * from the node's address, as from a NAT. No proxy reaches a phone that has not come to it. All else is dropped.
 */
export class Partition {
  readonly #inside: Node['inside'];

  private constructor(inside: Node['inside']) {
    this.#inside = inside;
  }

  static async between(inside: Node['inside'], here: Side, there: Side): Promise<Partition> {
    const partition = new Partition(inside);
    const [a, b] = [here, there].map(({ proxies, others }) => [...proxies, ...others].join(','));
    const proxies = [...here.proxies, ...there.proxies].join(',');
    const across = [`-s ${a} -d ${b}`, `-s ${b} -d ${a}`];
    await partition.#begin('filter', [
      ...across.map((way) => `${way} -m conntrack ! --ctstate DNAT -j DROP`),
      `-s ${proxies} -d ${network.outside} -m conntrack --ctstate NEW -j DROP`,
    ]);
    await partition.#begin(
      'nat',
      across.map((way) => `${way} -m conntrack --ctstate DNAT -j MASQUERADE`),
    );
    return partition;
  }

  /** Packets that were dropped since it began. */
  async dropped(): Promise<number> {
    const listed = await this.#iptables('filter', '-nvxL', chain);
    return [...listed.matchAll(/^\s*(\d+)\s+\d+\s+DROP/gm)].reduce((sum, [, packets]) => sum + Number(packets), 0);
  }

  async ends(): Promise<void> {
    for (const table of ['filter', 'nat'] as const) {
      await this.#iptables(table, '-D', tables[table], '-j', chain);
      await this.#iptables(table, '-F', chain);
      await this.#iptables(table, '-X', chain);
    }
  }

  /** Its rules come before all others. */
  async #begin(table: keyof typeof tables, rules: readonly string[]): Promise<void> {
    await this.#iptables(table, '-N', chain);
    for (const rule of rules) await this.#iptables(table, '-A', chain, ...rule.split(' '));
    await this.#iptables(table, '-I', tables[table], '-j', chain);
  }

  #iptables(table: string, ...args: readonly string[]): Promise<string> {
    return this.#inside('iptables', '-w', '-t', table, ...args);
  }
}
