import { fork, type ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { EPOCH } from './clock.ts';
import { ladder } from './trace.ts';
import type { Result } from './worker.ts';
import { World, type WorldOptions } from './world.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1' },
    hours: { type: 'string' },
    jobs: { type: 'string' },
    only: { type: 'string' },
    trace: { type: 'boolean', default: false },
    going: { type: 'boolean', default: false },
    'clock-step': { type: 'string', default: '2000' },
  },
});

/** How often it says how far it is, ms. */
const PROGRESS = 30_000;

function optionsFor(seed: number, traced: boolean): WorldOptions {
  return { seed, traced, mutation: undefined, only: values.only?.split(','), clockStep: Number(values['clock-step']) };
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
  readonly #first = Number(values.seed);
  readonly #count = values.hours === undefined ? Number(values.count) : Number.POSITIVE_INFINITY;
  readonly #until = performance.now() + Number(values.hours ?? Number.POSITIVE_INFINITY) * 3600_000;
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
await runner.run(Number(values.jobs ?? Math.min(availableParallelism(), Number(values.count))));
const [first] = runner.failed;
if (first !== undefined && !values.going) await show(first);
process.exitCode = runner.failed.length === 0 ? 0 : 1;
