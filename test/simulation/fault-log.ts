import type { Host } from './network.ts';

/** Something that was wrong: at hosts, or between two places. */
export interface Fault {
  readonly what: string;
  /** Names of hosts; empty: it is about a link. */
  readonly hosts: readonly string[];
  /** Addresses or sites. */
  readonly between: readonly [string, string] | undefined;
  readonly from: number;
  /** When it was over; Infinity: it still is. */
  to: number;
}

/** How long after a fault its consequences may still be felt, ms: leases run out, pairs are checked again, TCP gives up. */
const AFTERMATH = 16_000;

/** What was done to the world and when: what must not fail is what no fault touched. */
export class FaultLog {
  readonly faults: Fault[] = [];

  at(what: string, now: number, hosts: readonly Host[]): Fault {
    const fault = {
      what,
      hosts: hosts.map(({ name }) => name),
      between: undefined,
      from: now,
      to: Number.POSITIVE_INFINITY,
    };
    this.faults.push(fault);
    return fault;
  }

  between(what: string, now: number, a: string, b: string): Fault {
    const fault: Fault = { what, hosts: [], between: [a, b], from: now, to: Number.POSITIVE_INFINITY };
    this.faults.push(fault);
    return fault;
  }

  /** A fault that concerned these hosts, or a link between two of them, in this time or shortly before. */
  touching(hosts: Iterable<Host>, from: number, to: number): Fault | undefined {
    return this.allTouching(hosts, from, to)[0];
  }

  allTouching(hosts: Iterable<Host>, from: number, to: number): Fault[] {
    const list = [...hosts];
    return this.faults.filter(
      (fault) => fault.from <= to && fault.to + AFTERMATH >= from && list.some((host) => isAmong(fault, host, list)),
    );
  }
}

function isAmong(fault: Fault, host: Host, all: readonly Host[]): boolean {
  if (fault.between === undefined) return fault.hosts.includes(host.name);
  const [a, b] = fault.between;
  return isAt(host, a) && all.some((other) => other !== host && isAt(other, b));
}

function isAt(host: Host, place: string): boolean {
  return host.address === place || host.site === place;
}
