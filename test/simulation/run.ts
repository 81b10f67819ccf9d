import { fork, type ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import yargs from 'yargs';
import { EPOCH } from './clock.ts';
import { faultKinds } from './faults.ts';
import { ladder } from './trace.ts';
import type { Result } from './worker.ts';
import { World, type WorldOptions } from './world.ts';

const values = await yargs(process.argv.slice(2))
  .scriptName('run.ts')
  .usage('$0: whole clusters on virtual time, with faults, each from a seed. `make simulate` starts it.')
  .option('seed', { type: 'number', default: 1, describe: 'The first one' })
  .option('count', { type: 'number', default: 1, describe: 'How many, one after the other' })
  .option('hours', { type: 'number', describe: 'In place of --count: as many as there is time for' })
  .option('jobs', { type: 'number', describe: 'Processes that work; as many as there are processors' })
  .option('only', {
    type: 'string',
    coerce: (names: string) => names.split(',').filter(Boolean),
    describe: `Kinds of faults, by commas; all if left out: ${faultKinds.join(', ')}`,
  })
  .option('trace', { type: 'boolean', default: false, describe: 'Show all messages of a seed that fails' })
  .option('going', { type: 'boolean', default: false, describe: 'Go on after a seed that fails' })
  .option('clock-step', { type: 'number', default: 2000, describe: 'How far clocks are set wrong at most, ms' })
  .check(({ seed, count, hours = 1, jobs = 1, only = [], 'clock-step': clockStep }) => {
    if (!isWhole(seed, 0)) throw new Error('--seed must be a whole number, 0 or more');
    if (!isWhole(count, 1)) throw new Error('--count must be a whole number, 1 or more');
    if (!(hours > 0)) throw new Error('--hours must be a number above 0');
    if (!isWhole(jobs, 1)) throw new Error('--jobs must be a whole number, 1 or more');
    if (!(clockStep >= 0)) throw new Error('--clock-step must be a number of milliseconds, 0 or more');
    const unknown = only.filter((name) => !faultKinds.includes(name));
    if (unknown.length > 0)
      throw new Error(`--only: no fault is called ${unknown.join(', ')}: ${faultKinds.join(', ')}`);
    return true;
  })
  .strict()
  .version(false)
  .showHelpOnFail(false, '--help says what there is')
  .wrap(null)
  .parseAsync();

function isWhole(value: number, least: number): boolean {
  return Number.isSafeInteger(value) && value >= least;
}

/** How often it says how far it is, ms. */
const PROGRESS = 30_000;

function optionsFor(seed: number, traced: boolean): WorldOptions {
  return { seed, traced, mutation: undefined, only: values.only, clockStep: values.clockStep };
}

/** A seed again, this time kept: a ladder of the calls that the violation is about. */
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

/** Seeds in order, to as many processes as there are; each tells of one before it gets the next. */
class Runner {
  readonly #first = values.seed;
  readonly #count = values.hours === undefined ? values.count : Number.POSITIVE_INFINITY;
  readonly #until = performance.now() + (values.hours ?? Number.POSITIVE_INFINITY) * 3600_000;
  readonly #workers = new Set<ChildProcess>();
  readonly #total: Record<string, number> = {};
  readonly failed: number[] = [];
  #next = this.#first;
  #seeds = 0;

  async run(jobs: number): Promise<void> {
    const progress = setInterval(() => console.error(`${this.#seeds} seeds, ${this.failed.length} failed`), PROGRESS);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => this.#stop());
    await Promise.all(Array.from({ length: jobs }, () => this.#work()));
    clearInterval(progress);
    console.log(JSON.stringify(this.#total));
    console.log(`${this.#seeds} seeds, ${this.failed.length} with violations`);
  }

  #work(): Promise<void> {
    // what a world makes lives for seconds of its time: with more room, less of it is copied
    const worker = fork(new URL('worker.ts', import.meta.url), { execArgv: ['--max-semi-space-size=32'] });
    this.#workers.add(worker);
    const ended = new Promise<void>((resolve, reject) => {
      worker.once('exit', () => resolve());
      worker.once('error', reject);
    });
    worker.on('message', (result: Result) => {
      this.#tell(result);
      this.#give(worker);
    });
    this.#give(worker);
    return ended;
  }

  #give(worker: ChildProcess): void {
    const stop = this.failed.length > 0 && !values.going;
    if (stop || this.#next >= this.#first + this.#count || performance.now() >= this.#until) worker.disconnect();
    else worker.send(optionsFor(this.#next++, false));
  }

  #stop(): void {
    for (const worker of this.#workers) worker.kill();
    this.#next = Number.POSITIVE_INFINITY;
  }

  #tell({ seed, violations, counts, size }: Result): void {
    this.#seeds++;
    for (const [name, count] of Object.entries(counts)) this.#total[name] = (this.#total[name] ?? 0) + count;
    if (this.#count <= 5) console.log(`seed ${seed}: ${size}, ${JSON.stringify(counts)}`);
    for (const { rule, what, at } of violations)
      console.log(`seed ${seed}: ${rule} at ${(at / 1000).toFixed(3)} s: ${what}`);
    if (violations.length > 0) this.failed.push(seed);
  }
}

const runner = new Runner();
await runner.run(
  values.jobs ?? Math.min(availableParallelism(), values.hours === undefined ? values.count : Number.POSITIVE_INFINITY),
);
const [first] = runner.failed;
if (first !== undefined && !values.going) await show(first);
process.exitCode = runner.failed.length === 0 ? 0 : 1;
