import { spread } from '../bench/report.ts';

/** One thing that is done through a proxy, and what it costs: µs of CPU, bytes. */
export interface Cost {
  /** The proxy that it goes through. */
  readonly own: number;
  /** Each other proxy, which takes the news of it. */
  readonly other: number;
  /** The etcd of its data centre, whoever watches, and more for each proxy that does. */
  readonly etcd: number;
  readonly etcdEach: number;
  /** What that etcd sends to each proxy. */
  readonly bytesEach: number;
}

/** What is known of a proxy and its etcd. */
export interface Costs {
  readonly register: Cost;
  readonly call: Cost;
  /** A proxy without any work, µs a second. */
  readonly idle: number;
}

/** What was seen with so many proxies. */
export interface Seen {
  /** All of them, which all watch. */
  readonly proxies: number;
  readonly own: number;
  /** NaN where there is no other. */
  readonly other: number;
  readonly etcd: number;
  readonly bytes: number;
}

/** The costs of one thing, from what was seen of it with more and more proxies. */
export function costOf(seen: readonly Seen[]): Cost {
  const etcd = line(seen.map(({ proxies, etcd: y }) => [proxies, y]));
  const bytes = line(seen.map(({ proxies, bytes: y }) => [proxies, y]));
  return {
    own: spread(seen.map(({ own }) => own)).median,
    // less than what a proxy does anyway varies by: then it may seem to be less than nothing
    other: Math.max(0, spread(seen.map(({ other }) => other).filter((other) => !Number.isNaN(other))).median),
    etcd: etcd.at0,
    etcdEach: etcd.slope,
    bytesEach: bytes.slope,
  };
}

/** A shard's work: a DN's phones and calls, spread evenly over its data centres. */
export interface Demand {
  readonly phones: number;
  /** s between two REGISTERs of a phone. */
  readonly refresh: number;
  /** Of the busy hour, each with so many that go through a proxy: a customer's and an agent's are two. */
  readonly calls: number;
  readonly legs: number;
  readonly dataCentres: number;
}

/** What a demand takes in each data centre. */
export interface Sizing {
  readonly pods: number;
  /** Cores that each has to do while all live. */
  readonly cores: number;
  /** Of that, what it does for other proxies' phones and calls. */
  readonly news: number;
  /** MiB each. */
  readonly memory: number;
  /** Cores of the etcd, and Mbit/s that it sends. */
  readonly etcdCores: number;
  readonly etcdMbit: number;
}

/** Of a core, at most so much while one pod of the data centre is gone: calls wait for a core that is busier. */
const FULL = 0.5;
const MOST_PODS = 100;
/** A proxy's bindings (proxy/store/replica.ts). */
const MOST_BINDINGS = 2_000_000;
/** Bytes a binding in a proxy's memory, and what a proxy without any has, MiB. */
const [BINDING, BARE] = [400, 160];

/** Undefined where no number of pods is enough: the news alone or the bindings are too many for each, and the DN has to be divided. */
export function sizingFor(demand: Demand, costs: Costs): Sizing | undefined {
  if (demand.phones > MOST_BINDINGS) return undefined;
  const registers = demand.phones / demand.refresh;
  const calls = (demand.calls * demand.legs) / 3600;
  const { register, call, idle } = costs;
  const load = (pods: number): { cores: number; news: number } => {
    const share = 1 / demand.dataCentres / pods;
    const own = share * (registers * register.own + calls * call.own);
    const news = (1 - share) * (registers * register.other + calls * call.other);
    return { cores: (idle + own + news) / 1e6, news: news / 1e6 };
  };
  for (let pods = 2; pods <= MOST_PODS; pods++) {
    if (load(pods - 1).cores > FULL) continue;
    const watchers = pods * demand.dataCentres;
    const etcd = (each: Cost): number => each.etcd + each.etcdEach * watchers;
    const here = 1 / demand.dataCentres;
    return {
      pods,
      ...load(pods),
      memory: BARE + (demand.phones * BINDING) / 2 ** 20,
      etcdCores: (here * (registers * etcd(register) + calls * etcd(call))) / 1e6,
      etcdMbit: (here * watchers * (registers * register.bytesEach + calls * call.bytesEach) * 8) / 1e6,
    };
  }
  return undefined;
}

/** Least squares. Nothing becomes cheaper by one more that it is for: what falls is noise, and level. */
function line(points: readonly (readonly [number, number])[]): { at0: number; slope: number } {
  const mean = (pick: 0 | 1): number => points.reduce((sum, point) => sum + point[pick], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const sum = (of: (point: readonly [number, number]) => number): number =>
    points.reduce((total, point) => total + of(point), 0);
  const slope = Math.max(0, sum(([px, py]) => (px - x) * (py - y)) / sum(([px]) => (px - x) ** 2));
  return { at0: y - slope * x, slope };
}
