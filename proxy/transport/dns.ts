import type { LookupAddress, NaptrRecord, RecordWithTtl, SrvRecord } from 'node:dns';
import { lookup, Resolver } from 'node:dns/promises';
import { AnswerCache, type Fetched } from './answer-cache.ts';
import { DnsClient } from './dns-client.ts';

/** What is asked of DNS. */
export interface DnsResolver {
  resolve4(name: string, options: { ttl: true }): Promise<RecordWithTtl[]>;
  resolve6(name: string, options: { ttl: true }): Promise<RecordWithTtl[]>;
  resolveSrv(name: string): Promise<(SrvRecord & { ttl?: number | undefined })[]>;
  resolveNaptr(name: string): Promise<(NaptrRecord & { ttl?: number | undefined })[]>;
  /** The system's own way, for names in the hosts file or below a search domain; asked when DNS knows no address. */
  lookup?(name: string): Promise<LookupAddress[]>;
}

/** For answers that do not say how long they hold, in s. */
const assumedTtl = 30;

/** The system's DNS servers; 2 s a try, so that a call set-up outlives one dead server. */
function systemResolver(now: () => number): DnsResolver {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  const client = new DnsClient({ servers: () => resolver.getServers(), now });
  return {
    resolve4: (name, options) => resolver.resolve4(name, options),
    resolve6: (name, options) => resolver.resolve6(name, options),
    // node:dns does not tell their TTL
    resolveSrv: async (name) =>
      (await client.query(name, 'SRV')).map(({ ttl, data: { target, port, priority = 0, weight = 0 } }) => ({
        name: target,
        port,
        priority,
        weight,
        ttl,
      })),
    resolveNaptr: async (name) =>
      (await client.query(name, 'NAPTR')).map(({ ttl, data: { services: service, ...rest } }) => ({
        ...rest,
        service,
        ttl,
      })),
    lookup: (name) => lookup(name, { all: true }),
  };
}

/** What DNS has said, by kind of record. */
export class Dns {
  readonly a: AnswerCache<string>;
  readonly aaaa: AnswerCache<string>;
  readonly srv: AnswerCache<SrvRecord>;
  readonly naptr: AnswerCache<NaptrRecord>;
  readonly system: AnswerCache<string>;

  constructor(now: () => number, resolver: DnsResolver = systemResolver(now)) {
    this.a = new AnswerCache(now, async (name) => addresses(await resolver.resolve4(name, { ttl: true })));
    this.aaaa = new AnswerCache(now, async (name) => addresses(await resolver.resolve6(name, { ttl: true })));
    this.srv = new AnswerCache(now, async (name) => {
      const records = await resolver.resolveSrv(name);
      return { records, ttl: shortest(records) };
    });
    this.naptr = new AnswerCache(now, async (name) => {
      const records = await resolver.resolveNaptr(name);
      return { records, ttl: shortest(records) };
    });
    this.system = new AnswerCache(now, async (name) => addresses((await resolver.lookup?.(name)) ?? []));
  }
}

function addresses(records: readonly { readonly address: string; readonly ttl?: number }[]): Fetched<string> {
  return { records: records.map((record) => record.address), ttl: shortest(records) };
}

function shortest(records: readonly { readonly ttl?: number | undefined }[]): number {
  if (records.length === 0) return assumedTtl;
  return Math.min(...records.map((record) => record.ttl ?? assumedTtl));
}
