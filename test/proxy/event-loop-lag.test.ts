import { expect } from 'chai';
import { setImmediate } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { defaultMetrics } from '../../proxy/event-loop-lag.ts';

describe("the event loop's lag in /metrics", () => {
  const registry = new Registry();

  async function lags(): Promise<Record<string, number>> {
    const found = (await registry.metrics()).matchAll(/^nodejs_eventloop_lag_(\w+)_seconds (.*)$/gm);
    return Object.fromEntries([...found].map(([, name, value]) => [name, Number(value)]));
  }

  async function turnOf(ms: number): Promise<void> {
    const until = performance.now() + ms;
    while (performance.now() < until);
    for (let i = 0; i < 3; i++) await setImmediate();
  }

  it('is that since the last scrape, and nothing where no turn was late', async () => {
    defaultMetrics(registry);
    expect(await lags()).to.deep.equal({ max: 0, p50: 0, p99: 0 });
    // the first sample after a scrape has none before it to be late after
    for (const ms of [60, 150, 150]) await turnOf(ms);
    const { max, p50, p99 } = await lags();
    for (const lag of [max, p50, p99]) expect(lag).to.be.within(0.09, 10);
    expect(await lags()).to.deep.equal({ max: 0, p50: 0, p99: 0 });
  });
});
