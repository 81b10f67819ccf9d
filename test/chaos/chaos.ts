import { readFileSync, writeFileSync } from 'node:fs';
import yargs from 'yargs';
import { Story } from '../demo/story.ts';
import { experiment } from './experiment.ts';
import type { Fault } from './fault.ts';
import { hostFaults } from './host-faults.ts';
import { networkFaults } from './network-faults.ts';
import { Network } from './network.ts';
import { isAsPromised, type Outcome } from './outcome.ts';
import { proxyFaults } from './proxy-faults.ts';
import { releaseRolled } from './release-rolled.ts';
import { serverFaults } from './server-faults.ts';
import { storeFaults } from './store-faults.ts';
import { merged, table } from './table.ts';
import { World } from './world.ts';

/** Every fault, inflicted on two data centres in use. Exits 0 only if nothing was lost that must not be. */
const argv = await yargs(process.argv.slice(2))
  .option('network', { type: 'string', demandOption: true, describe: 'prefix of the namespaces' })
  .option('runs', { type: 'number', default: 10 })
  .option('faults', { type: 'string', default: '' })
  .option('release', { type: 'string', describe: 'another checkout, for release-rolled' })
  .option('docs', { type: 'boolean', default: false })
  .strict()
  .parseAsync();
const all: readonly Fault[] = [
  ...serverFaults,
  ...proxyFaults,
  ...networkFaults,
  ...storeFaults,
  ...hostFaults,
  ...(argv.release === undefined ? [] : [releaseRolled(argv.release)]),
];
const names = argv.faults.split(',').filter(Boolean);
const unknown = names.filter((name) => all.every((fault) => fault.name !== name));
if (unknown.length > 0) {
  process.stderr.write(`chaos: no fault is called ${unknown.join(', ')}: ${all.map(({ name }) => name).join(', ')}\n`);
  process.exit(2);
}
const faults = names.length === 0 ? all : all.filter(({ name }) => names.includes(name));

const story = new Story();
const results = new Map<Fault, Outcome[]>();
let world: World | undefined;
const interrupted = Promise.withResolvers<never>();
interrupted.promise.catch(() => undefined); // it is raced below
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => interrupted.reject(new Error(`interrupted by ${signal}`)));
}
let whole = false;
try {
  await Promise.race([run(), interrupted.promise]);
  whole = [...results.values()].flat().every(isAsPromised);
} catch (error) {
  story.complains(error instanceof Error ? error.message : String(error));
  if (error instanceof Error && error.cause instanceof Error) story.complains(error.cause.message);
}
await world?.end();
if (whole) world?.removeFolder();
else if (world !== undefined) story.complains(`logs are in ${world.folder}`);
process.exit(whole ? 0 : 1);

async function run(): Promise<void> {
  story.chapter('Two data centres start: six etcds, four SIP Server pairs, four proxies, 48 phones');
  world = await World.starts(new Network(argv.network, 'existing'));
  story.tells('every proxy is ready, every phone is registered');
  for (const fault of faults) {
    story.chapter(fault.what);
    const outcomes: Outcome[] = [];
    results.set(fault, outcomes);
    for (let n = 0; n < argv.runs; n++) {
      const outcome = await experiment(world, fault);
      outcomes.push(outcome);
      tell(outcome);
    }
  }
  story.chapter('What it cost');
  story.shows(['', table(results)]);
  if (argv.docs) writeTable();
}

function tell(outcome: Outcome): void {
  const { callsUp, callsLost, setups, setupsAcross, setupsLost, setupsLostLate } = outcome;
  const { registers, registersLost, registrationsLost, switched, disturbed } = outcome;
  const line = [
    `${callsLost} of ${callsUp} calls lost`,
    `${setupsLost + setupsLostLate} of ${setups} set-ups`,
    ...(setupsAcross === 0 ? [] : [`${setupsAcross} set-ups across the cut set aside`]),
    `${registersLost} of ${registers} REGISTERs`,
    `${registrationsLost} registrations`,
    ...(switched === undefined ? [] : [`switched after ${Math.round(switched)} ms`]),
    `disturbed for ${Math.round(disturbed)} ms`,
  ].join(', ');
  if (isAsPromised(outcome)) story.tells(line);
  else story.complains(line);
  for (const reason of [...outcome.broken, ...outcome.failures.slice(0, 12)]) story.says(reason);
  // what disturbed it last says what disturbed it for so long
  for (const reason of outcome.delays.slice(-3)) story.says(reason);
}

/** The rows of what was inflicted now take the place of those there were; the others stay. */
function writeTable(): void {
  const file = new URL('../../docs/failover.md', import.meta.url);
  const text = readFileSync(file, 'utf8');
  const marked = /<!-- chaos -->([^]*)<!-- \/chaos -->/;
  const known = marked.exec(text)?.[1] ?? '';
  writeFileSync(file, text.replace(marked, `<!-- chaos -->\n\n${merged(known, results, all)}\n\n<!-- /chaos -->`));
}
