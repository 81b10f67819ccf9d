import { monitorEventLoopDelay } from 'node:perf_hooks';
import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client';

/** ms from one sample to the next: each wakes the process, which costs an idle one more than all else. */
const EVERY = 50;
/** What prom-client gives by itself, of samples every 10 ms and with these 10 ms in each. */
const REPLACED = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'].map(
  (name) => `nodejs_eventloop_lag_${name}_seconds`,
);
/** So long that it takes no sample, ms. */
const NO_SAMPLES = 2 ** 31 - 1;

/**
 * prom-client's default metrics, with another lag of the event loop: by how much samples were late since the last scrape.
 * What holds up the loop for less than from one to the next may show as less, or not at all.
 */
export function defaultMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: NO_SAMPLES });
  for (const name of REPLACED) registry.removeSingleMetric(name);
  const delay = monitorEventLoopDelay({ resolution: EVERY });
  delay.enable();
  const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - EVERY / 1000);
  // the first of them reads for all three: they are collected in this order
  const max = new Gauge({
    name: 'nodejs_eventloop_lag_max_seconds',
    help: 'The latest sample of the event loop since the last scrape, one being due every 50 ms.',
    registers: [registry],
    collect() {
      max.set(late(delay.max));
      p50.set(late(delay.percentile(50)));
      p99.set(late(delay.percentile(99)));
      delay.reset();
    },
  });
  const share = (name: string, help: string): Gauge =>
    new Gauge({ name: `nodejs_eventloop_lag_${name}_seconds`, help, registers: [registry] });
  const p50 = share('p50', 'Half of the samples of the event loop since the last scrape were no later.');
  const p99 = share('p99', '99 of 100 samples of the event loop since the last scrape were no later.');
}
