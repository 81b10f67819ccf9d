import type { HealthRecord, PairHealth, ProxyAddress, ProxyRecord } from './store/records.ts';

/** What /status on the admin port says. */
export interface ProxyStatus {
  readonly name: string;
  readonly geoLocation: string;
  readonly state: ProxyRecord['state'];
  readonly boot: string;
  readonly addresses: readonly ProxyAddress[];
  readonly configuration: ProxyRecord['configuration'];
  readonly counts: { readonly registrations: number; readonly calls: number; readonly transactions: number };
  readonly stores: readonly {
    readonly geoLocation: string;
    readonly available: boolean;
    readonly loaded: boolean;
    readonly reason: string;
    /** How old the newest heartbeat of the data centre's proxies is that has come, ms: they make one every 5 s. */
    readonly lag?: number;
  }[];
  readonly pairs: readonly PairHealth[];
  /** What proxies of other data centres publish of theirs. */
  readonly elsewhere?: readonly HealthRecord[];
  /** Names of the live proxies of the shard. */
  readonly proxies: readonly string[];
  readonly ready: { readonly ok: boolean; readonly why?: string };
  readonly counters: Readonly<Record<string, number>>;
  /** Messages refused since the start, by what was wrong with them. */
  readonly defects?: Readonly<Record<string, number>>;
}

/** One line of /calls: a call in progress. */
export interface CallView {
  readonly callId: string;
  /** The pair that holds it, and the proxy that routed it there. */
  readonly pair: string;
  readonly proxy: string;
  /** ISO 8601: when it was routed, and when it is forgotten at the latest. */
  readonly since: string;
  readonly expires: string;
  /** The data centre whose store holds this. */
  readonly geoLocation: string;
}

/** One line of /registrations. */
export interface RegistrationView {
  readonly aor: string;
  readonly contact: string;
  /** The proxy that holds the flow, where one does. */
  readonly owner?: string;
  readonly transport: string;
  readonly source: string;
  /** ISO 8601. */
  readonly expires: string;
  readonly geoLocation: string;
  readonly instance?: string;
}
