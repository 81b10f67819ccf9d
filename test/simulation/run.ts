import { parseArgs } from 'node:util';
import { EPOCH } from './clock.ts';
import { ladder } from './trace.ts';
import { World, type WorldOptions } from './world.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1' },
    hours: { type: 'string' },
    only: { type: 'string' },
    trace: { type: 'boolean', default: false },
    going: { type: 'boolean', default: false },
    'clock-step': { type: 'string', default: '2000' },
  },
});

function optionsFor(seed: number, traced: boolean): WorldOptions {
  return { seed, traced, mutation: undefined, only: values.only?.split(','), clockStep: Number(values['clock-step']) };
}

/** The same seed again, this time kept: a ladder of the calls that the violation is about. */
async function show(seed: number): Promise<void> {
  const world = new World(optionsFor(seed, true));
  await world.run();
  const [first] = world.violations;
  const callId = first?.callId ?? '';
  const call = world.ledger.ofLeg(callId);
  const legs = new Set(
    world.trace.lines
      .map((line) => line.callId)
      .filter((id) => id !== '' && (id === callId || (call !== undefined && world.ledger.ofLeg(id) === call))),
  );
  const from = call === undefined ? (first?.at ?? 0) - 30_000 : call.startedAt - EPOCH - 20_000;
  const lines = world.trace.lines.filter((line) => values.trace || line.at - EPOCH >= from);
  console.log(
    ladder(
      lines,
      values.trace ? new Set(lines.map((line) => line.callId).filter((id) => !id.startsWith('ping'))) : legs,
    ),
  );
  console.log(`trace ${world.trace.hash}`);
}

const first = Number(values.seed);
const until = values.hours === undefined ? undefined : performance.now() + Number(values.hours) * 3600_000;
let failed = 0;
const total: Record<string, number> = {};
let seeds = 0;
for (let seed = first; until === undefined ? seed < first + Number(values.count) : performance.now() < until; seed++) {
  const world = new World(optionsFor(seed, false));
  await world.run();
  seeds++;
  const { tally } = world.ledger;
  for (const [name, count] of Object.entries({
    ...tally,
    faults: world.faults.faults.length,
    switches: world.monitor?.switches ?? 0,
    events: world.events,
  }))
    total[name] = (total[name] ?? 0) + count;
  if (Number(values.count) <= 5)
    console.log(
      `seed ${seed}: ${world.sites.length} data centres, ${world.proxies.length} proxies, ${world.phones.length} phones, ${world.events} events, ${world.faults.faults.length} faults, calls ${JSON.stringify(tally)}, switches seen ${world.monitor?.switches ?? 0}`,
    );
  for (const { rule, what, at } of world.violations)
    console.log(`seed ${seed}: ${rule} at ${(at / 1000).toFixed(3)} s: ${what}`);
  if (world.violations.length === 0) continue;
  failed++;
  if (values.going) continue;
  await show(seed);
  break;
}
console.log(JSON.stringify(total));
console.log(`${seeds} seeds, ${failed} with violations`);
process.exitCode = failed === 0 ? 0 : 1;
