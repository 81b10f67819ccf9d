import type { LookupAddress, RecordWithTtl, SrvRecord } from 'node:dns';
import { lookup, Resolver } from 'node:dns/promises';
import { AnswerCache, type Fetched } from './answer-cache.ts';

/** What is asked of DNS; the promises Resolver of node:dns fits, and so does a test's own. */
export interface DnsResolver {
  resolve4(name: string, options: { ttl: true }): Promise<RecordWithTtl[]>;
  resolve6(name: string, options: { ttl: true }): Promise<RecordWithTtl[]>;
  /** node:dns does not tell their TTL. */
  resolveSrv(name: string): Promise<(SrvRecord & { ttl?: number })[]>;
  /** The system's own way, for names in the hosts file or below a search domain; asked when DNS knows no address. */
  lookup?(name: string): Promise<LookupAddress[]>;
}

/** For answers that do not say how long they hold, in s. */
const assumedTtl = 30;

/** The system's DNS servers; 2 s a try, so that a call set-up outlives one dead server. */
function systemResolver(): DnsResolver {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  return {
    resolve4: (name, options) => resolver.resolve4(name, options),
    resolve6: (name, options) => resolver.resolve6(name, options),
    resolveSrv: (name) => resolver.resolveSrv(name),
    lookup: (name) => lookup(name, { all: true }),
  };
}

/** What DNS has said, by kind of record. */
export class Dns {
  readonly a: AnswerCache<string>;
  readonly aaaa: AnswerCache<string>;
  readonly srv: AnswerCache<SrvRecord>;
  readonly system: AnswerCache<string>;

  constructor(now: () => number, resolver: DnsResolver = systemResolver()) {
    this.a = new AnswerCache(now, async (name) => addresses(await resolver.resolve4(name, { ttl: true })));
    this.aaaa = new AnswerCache(now, async (name) => addresses(await resolver.resolve6(name, { ttl: true })));
    this.srv = new AnswerCache(now, async (name) => {
      const records = await resolver.resolveSrv(name);
      return { records, ttl: shortest(records) };
    });
    this.system = new AnswerCache(now, async (name) => addresses((await resolver.lookup?.(name)) ?? []));
  }
}

function addresses(records: readonly { readonly address: string; readonly ttl?: number }[]): Fetched<string> {
  return { records: records.map((record) => record.address), ttl: shortest(records) };
}

function shortest(records: readonly { readonly ttl?: number }[]): number {
  if (records.length === 0) return assumedTtl;
  return Math.min(...records.map((record) => record.ttl ?? assumedTtl));
}
