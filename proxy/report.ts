import type { ProxyConfig } from './config.ts';
import type { CallView, ProxyStatus, RegistrationView } from './status.ts';
import type { PairHealth, ProxyAddress, ProxyRecord } from './store/records.ts';
import type { Replica } from './store/replica.ts';
import type { TransactionLayer } from './transaction/layer.ts';
import type { Upstreams } from './upstream/upstreams.ts';

/** What a report is made from. */
export interface Reported {
  readonly config: ProxyConfig;
  readonly boot: string;
  readonly addresses: readonly ProxyAddress[];
  readonly replica: Replica;
  readonly upstreams: Upstreams;
  readonly layer: TransactionLayer;
  /** What timers go by, and the time of day, ms. */
  readonly now: () => number;
  readonly wall: () => number;
  /** What is wrong with certificates that were changed. */
  complaints(): readonly string[];
  counters(): Readonly<Record<string, number>>;
  readonly defects: Readonly<Record<string, number>>;
}

/** What a proxy says of itself: to the store, for the others and the operator, and on its admin port. */
export class Report {
  state: ProxyRecord['state'] = 'Starting';
  /** The hash it runs, and why a newer configuration was refused. */
  configuration: ProxyRecord['configuration'];
  /** URL of the admin port. */
  admin = '';
  /** Since when the SIP Servers are pinged, ms. */
  pingedSince = Infinity;
  readonly #of: Reported;
  #judged = false;

  constructor(of: Reported, hash: string) {
    this.#of = of;
    this.configuration = { hash };
  }

  /** Nothing is published before the store was loaded: an older process of this name may still be there. */
  publish(): void {
    if (!this.#of.replica.ready) return;
    this.publishProxy();
    this.publishHealth();
  }

  publishProxy(): void {
    const { config, boot, addresses, replica } = this.#of;
    if (!replica.ready) return;
    const complaints = this.#of.complaints();
    replica.publishProxy({
      name: config.place.name,
      geoLocation: config.geoLocation,
      state: this.state,
      boot,
      addresses,
      admin: this.admin,
      configuration: this.configuration,
      counts: this.#counts(),
      keys: replica.keys.ids(),
      ...(complaints.length > 0 && { complaints }),
    });
  }

  publishHealth(): void {
    const { config, replica, upstreams, now, wall } = this.#of;
    if (!replica.ready) return;
    replica.publishHealth({
      proxy: config.place.name,
      geoLocation: config.geoLocation,
      at: wall(),
      pairs: upstreams.health(now()),
    });
  }

  status(): ProxyStatus {
    const { config, boot, addresses, replica, upstreams, layer, now } = this.#of;
    return {
      name: config.place.name,
      geoLocation: config.geoLocation,
      state: this.state,
      boot,
      addresses,
      configuration: this.configuration,
      counts: { ...this.#counts(), transactions: layer.counts.clients + layer.counts.servers },
      stores: replica.stores,
      pairs: upstreams.health(now()),
      elsewhere: [...replica.health.values()].filter((record) => record.geoLocation !== config.geoLocation),
      proxies: [...replica.proxies.keys()].toSorted(),
      ready: this.#readiness(),
      counters: this.#of.counters(),
      defects: this.#of.defects,
    };
  }

  /** Of one address of record, or all: those are read one by one, since a million at once would hold up calls. */
  *registrations(aor: string | undefined): IterableIterator<RegistrationView> {
    const { replica, wall } = this.#of;
    const bindings = aor === undefined ? replica.allBindings(wall()) : replica.bindingsOfAor(aor, wall());
    for (const binding of bindings) {
      yield {
        aor: binding.aor,
        contact: binding.contact,
        transport: binding.transport,
        source: `${binding.sourceAddress}:${binding.sourcePort}`,
        expires: new Date(binding.expires).toISOString(),
        geoLocation: binding.geoLocation,
        ...(binding.owner === undefined ? {} : { owner: binding.owner }),
        ...(binding.instance === undefined ? {} : { instance: binding.instance }),
      };
    }
  }

  /** One call in progress, or all. */
  *calls(callId: string | undefined): IterableIterator<CallView> {
    for (const { since, expires, ...rest } of this.#of.replica.allCalls()) {
      if (callId !== undefined && rest.callId !== callId) continue;
      yield { ...rest, since: new Date(since).toISOString(), expires: new Date(expires).toISOString() };
    }
  }

  /** Outages come later and change nothing: until the first pings are answered, or late, a phone would get 503 for no reason. */
  #readiness(): ProxyStatus['ready'] {
    const { config, replica, upstreams, now } = this.#of;
    if (this.state === 'Draining') return { ok: false, why: 'draining: it was told to end' };
    if (!replica.ready) return { ok: false, why: `the store of ${config.geoLocation} has not been loaded yet` };
    this.#judged ||= now() > this.pingedSince + config.oosCheck.timeout || upstreams.health(now()).every(isJudged);
    return this.#judged
      ? { ok: true }
      : { ok: false, why: 'the SIP Servers have not answered their first OPTIONS yet' };
  }

  #counts(): Required<ProxyRecord['counts']> {
    const { bindings, calls, here } = this.#of.replica.counts(this.#of.wall());
    return { registrations: bindings, calls, here: { registrations: here.bindings, calls: here.calls } };
  }
}

/** Whether the oos-check has come to a verdict on a pair, whichever it is. */
function isJudged({ active, members }: PairHealth): boolean {
  return active !== 'none' || members.every(({ state }) => state !== 'Unknown');
}
