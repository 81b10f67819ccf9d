import { expect } from 'chai';
import { setImmediate } from 'node:timers/promises';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { eventLoopLag, NO_SAMPLES } from '../../proxy/event-loop-lag.ts';

describe("the event loop's lag in /metrics", () => {
  const registry = new Registry();

  async function lag(name: string): Promise<number> {
    const found = new RegExp(`^nodejs_eventloop_lag_${name}_seconds (.*)$`, 'm').exec(await registry.metrics());
    return Number(found?.[1]);
  }

  async function turnOf(ms: number): Promise<void> {
    const until = performance.now() + ms;
    while (performance.now() < until);
    for (let i = 0; i < 3; i++) await setImmediate();
  }

  it('is that since the last scrape, and nothing where no turn was late', async () => {
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: NO_SAMPLES });
    eventLoopLag(registry);
    expect(await lag('max')).to.equal(0);
    // the first sample after a scrape has none before it to be late after
    for (const ms of [60, 150]) await turnOf(ms);
    expect(await lag('max')).to.be.within(0.09, 10);
    expect(await lag('max')).to.equal(0);
  });

  it('is told by these three besides that of the scrape itself', async () => {
    const names = [...(await registry.metrics()).matchAll(/^nodejs_eventloop_lag_(\w+)_seconds /gm)].map(
      ([, name]) => name,
    );
    expect(names).to.have.members(['p50', 'p99', 'max']);
  });
});
