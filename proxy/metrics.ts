import { Counter, Gauge, Registry } from 'prom-client';
import { defaultMetrics } from './event-loop-lag.ts';
import type { ProxyStatus } from './status.ts';

const STATES = ['Unknown', 'InService', 'Standby', 'Down'] as const;

/**
 * What /metrics shows, in the Prometheus text format. Everything is read from the proxy's status when it is scraped:
 * the message path only counts up plain numbers. Every configured member has its series, whatever its state.
 */
export class Metrics {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #registry = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #status: () => ProxyStatus;

  constructor(status: () => ProxyStatus) {
    this.#status = status;
    defaultMetrics(this.#registry);
  }

  async text(): Promise<string> {
    this.#read(this.#status());
    return this.#registry.metrics();
  }

  #read(status: ProxyStatus): void {
    this.#info.reset();
    this.#info.set(
      { proxy: status.name, geo_location: status.geoLocation, configuration: status.configuration.hash },
      1,
    );
    this.#ready.set(status.ready.ok ? 1 : 0);
    this.#registrations.set(status.counts.registrations);
    this.#calls.set(status.counts.calls);
    this.#transactions.set(status.counts.transactions);
    this.#proxies.set(status.proxies.length);
    this.#storeAvailable.reset();
    this.#storeLoaded.reset();
    this.#storeLag.reset();
    for (const store of status.stores) {
      this.#storeAvailable.set({ geo_location: store.geoLocation }, store.available ? 1 : 0);
      this.#storeLoaded.set({ geo_location: store.geoLocation }, store.loaded ? 1 : 0);
      if (store.lag !== undefined) this.#storeLag.set({ geo_location: store.geoLocation }, store.lag / 1000);
    }
    this.#readPairs(status);
    this.#defects.reset();
    for (const [defect, count] of Object.entries(status.defects ?? {})) this.#defects.inc({ defect }, count);
    for (const [name, value] of Object.entries(status.counters)) {
      const counter = this.#counter(name);
      counter.reset();
      counter.inc(value);
    }
  }

  #readPairs(status: ProxyStatus): void {
    this.#memberState.reset();
    this.#memberActive.reset();
    this.#memberRoundTrip.reset();
    this.#dualPrimary.reset();
    for (const pair of status.pairs) {
      this.#dualPrimary.set({ pair: pair.name }, pair.dualPrimary === true ? 1 : 0);
      for (const member of pair.members) {
        const labels = { pair: pair.name, role: member.role, address: member.address };
        for (const state of STATES) this.#memberState.set({ ...labels, state }, member.state === state ? 1 : 0);
        this.#memberActive.set(labels, pair.active === member.role ? 1 : 0);
        if (member.smoothedRtt !== undefined) this.#memberRoundTrip.set(labels, member.smoothedRtt / 1000);
      }
    }
  }

  readonly #defects = new Counter({
    name: 'sipcluster_defects_total',
    help: 'Messages refused, by what was wrong with them: the reason phrase of the answer, where there is one.',
    labelNames: ['defect'],
    registers: [this.#registry],
  });

  #counter(name: string): Counter {
    let counter = this.#counters.get(name);
    if (counter === undefined) {
      counter = new Counter({
        name: `sipcluster_${snake(name)}_total`,
        help: `Total of ${words(name)}.`,
        registers: [this.#registry],
      });
      this.#counters.set(name, counter);
    }
    return counter;
  }

  #gauge<Label extends string>(name: string, help: string, labelNames: readonly Label[] = []): Gauge<Label> {
    return new Gauge({ name: `sipcluster_${name}`, help, labelNames: [...labelNames], registers: [this.#registry] });
  }

  readonly #info = this.#gauge('info', 'Always 1; what this proxy is and the configuration that it runs.', [
    'proxy',
    'geo_location',
    'configuration',
  ]);
  readonly #ready = this.#gauge('ready', '1 if /readyz says so.');
  readonly #registrations = this.#gauge('registrations', 'Bindings of the shard that this proxy knows.');
  readonly #calls = this.#gauge('calls', 'Calls whose pair this proxy knows.');
  readonly #transactions = this.#gauge('transactions', 'Open SIP transactions, clients and servers.');
  readonly #proxies = this.#gauge('proxies', 'Live proxies of the shard, this one included.');
  readonly #storeAvailable = this.#gauge('store_available', '1 if the store of the data centre can be reached.', [
    'geo_location',
  ]);
  readonly #storeLoaded = this.#gauge('store_loaded', '1 once the store of the data centre has been loaded.', [
    'geo_location',
  ]);
  readonly #storeLag = this.#gauge(
    'store_lag_seconds',
    "How old the newest heartbeat of the data centre's proxies is that has come through its store: over 15 s, news is late.",
    ['geo_location'],
  );
  readonly #memberState = this.#gauge('member_state', '1 for the state that the member of a pair is in.', [
    'pair',
    'role',
    'address',
    'state',
  ]);
  readonly #memberActive = this.#gauge('member_active', '1 for the member that gets the work of its pair.', [
    'pair',
    'role',
    'address',
  ]);
  readonly #memberRoundTrip = this.#gauge('member_round_trip_seconds', 'Smoothed round trip of an answered OPTIONS.', [
    'pair',
    'role',
    'address',
  ]);
  readonly #dualPrimary = this.#gauge('dual_primary', '1 if both members of the pair answer in service.', ['pair']);
}

function snake(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/[^A-Za-z0-9]+/g, '_')
    .toLowerCase();
}

function words(name: string): string {
  return snake(name).replaceAll('_', ' ');
}
