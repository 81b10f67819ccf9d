import { parseArgs } from 'node:util';
import { parseDuration } from '../../proxy/duration.ts';
import { Coverage } from './coverage.ts';

const USAGE = `Plays mutated messages and conversations to the proxy's parser, stream framer and whole core, without a
socket and in virtual time, guided by the code that they reach.

  --for 60s      how long
  --seed 1       where chance begins: the same seed plays the same
  --keep FOLDER  write there what reached something new

It ends with 1 if a rule was broken; what broke it, made small, is in .sipcluster/fuzz/.`;

const SAY_EVERY = 10_000;

const { values } = parseArgs({
  options: {
    for: { type: 'string', default: '60s' },
    seed: { type: 'string' },
    keep: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(USAGE);
} else {
  process.exitCode = await fuzz();
}

async function fuzz(): Promise<number> {
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
  const begun = Date.now();
  const until = begun + parseDuration(values.for);
  const coverage = new Coverage('/proxy/');
  // Imported late, so that their sources get their marks
  const [{ Fuzzer }, { proxyLife }, { keepConversation, readCorpus }, { written }] = await Promise.all([
    import('./fuzzer.ts'),
    import('./proxy-life.ts'),
    import('./corpus.ts'),
    import('./conversation.ts'),
  ]);
  const seeds = readCorpus();
  const fuzzer = new Fuzzer(seeds, seed, proxyLife, coverage);
  let stopped = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => (stopped = true));
  console.log(`fuzzing for ${values.for} from ${seeds.length} conversations, seed ${seed}`);

  let said = begun;
  while (!stopped && Date.now() < until) {
    const failure = await fuzzer.more();
    if (failure !== undefined) {
      const path = keepConversation('.sipcluster/fuzz', failure.conversation);
      console.error(`\nA rule was broken, with seed ${seed}: ${failure.violation.message}\n`);
      console.error(`What broke it, ${path}:\n${written(failure.conversation)}`);
      return 1;
    }
    if (Date.now() - said >= SAY_EVERY) {
      said = Date.now();
      console.log(line());
    }
  }
  if (values.keep !== undefined) {
    for (const conversation of fuzzer.corpus) {
      if (!seeds.includes(conversation)) keepConversation(values.keep, conversation);
    }
  }
  console.log(`${line()}; no rule was broken`);
  return 0;

  function line(): string {
    const { executions, corpus, branches, sights } = fuzzer.progress;
    const seconds = (Date.now() - begun) / 1000;
    return (
      `${seconds.toFixed(0)} s: ${executions} conversations, ${(executions / seconds).toFixed(0)} a second; ` +
      `${branches} branches of the code and ${sights} sights reached, ${corpus} conversations kept`
    );
  }
}
