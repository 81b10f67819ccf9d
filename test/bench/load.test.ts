import { expect } from 'chai';
import { Load } from './load.ts';
import { calls } from './scenarios/call.ts';
import { heldCalls } from './scenarios/held-calls.ts';
import { registrations } from './scenarios/register.ts';
import type { Scenario } from './scenarios/scenario.ts';

describe('the load of the benchmark', () => {
  let load: Load;
  beforeEach(async () => {
    load = await Load.open('127.0.0.1', 1500);
  });
  afterEach(() => load.close());

  const scenarios: Readonly<Record<string, () => Scenario | Promise<Scenario>>> = {
    calls: () => calls,
    registrations: () => registrations,
    'requests inside calls': () => heldCalls(load, load.server),
  };
  for (const [name, prepare] of Object.entries(scenarios)) {
    it(`counts what is begun and completed: ${name}`, async () => {
      const scenario = await prepare();
      const result = await load.run({ scenario, to: load.server, rate: 200, warm: 50, window: 200 });
      expect(result.begun).to.be.within(30, 45);
      expect(result).to.include({ completed: result.begun, failed: 0, retransmitted: 0 });
      expect(result.times).to.have.length(result.begun);
    });
  }

  it('ends in the midst of a run when it is told to', async () => {
    const running = load.run({ scenario: calls, to: load.server, rate: 100, warm: 0, window: 60_000 });
    load.stop();
    const error: unknown = await running.catch((refusal: unknown) => refusal);
    expect(String(error)).to.include('told to end');
  });

  it('counts as failed what is never answered, and sends it again meanwhile', async () => {
    const silent = await Load.open('127.0.0.1');
    silent.close();
    const result = await load.run({ scenario: registrations, to: silent.server, rate: 20, warm: 0, window: 100 });
    expect(result.begun).to.be.within(1, 2);
    expect(result).to.include({ completed: 0, failed: result.begun });
    expect(result.retransmitted).to.be.within(2, 4);
  });

  it('holds no calls where none come about, and says so', async () => {
    const silent = await Load.open('127.0.0.1');
    silent.close();
    const error: unknown = await heldCalls(load, silent.server).catch((refusal: unknown) => refusal);
    expect(String(error)).to.include('of 200 calls to be held only 0 came about');
  });
});
