import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge, type Registry } from 'prom-client';

/** ms from one sample to the next: each wakes the process, which costs an idle one more than all else. */
const EVERY = 50;
/** What prom-client gives by itself, of samples every 10 ms and with these 10 ms in each. */
const REPLACED = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'].map(
  (name) => `nodejs_eventloop_lag_${name}_seconds`,
);
/** So long that it takes no sample. */
export const NO_SAMPLES = 2 ** 31 - 1;

/** By how much turns of the event loop begin late, since the last scrape, in place of prom-client's own. */
export function eventLoopLag(registry: Registry): void {
  for (const name of REPLACED) registry.removeSingleMetric(name);
  const delay = monitorEventLoopDelay({ resolution: EVERY });
  delay.enable();
  const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - EVERY / 1000);
  const gauge = (name: string, help: string): Gauge =>
    new Gauge({ name: `nodejs_eventloop_lag_${name}_seconds`, help, registers: [registry] });
  const p50 = gauge('p50', 'Half of the turns of the event loop began no later than this since the last scrape.');
  const p99 = gauge('p99', '99 of 100 turns of the event loop began no later than this since the last scrape.');
  const max = new Gauge({
    name: 'nodejs_eventloop_lag_max_seconds',
    help: 'The latest that a turn of the event loop began since the last scrape.',
    registers: [registry],
    collect() {
      max.set(late(delay.max));
      p50.set(late(delay.percentile(50)));
      p99.set(late(delay.percentile(99)));
      delay.reset();
    },
  });
}
