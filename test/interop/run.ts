import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { baresips } from './baresip-cases.ts';
import { browsers } from './browser-cases.ts';
import type { Agent, Case } from './case.ts';
import { linphones } from './linphone-cases.ts';
import { sbc } from './sbc.ts';
import { sipp } from './sipp.ts';
import { sippServer } from './sipp-server.ts';
import { sipsak } from './sipsak.ts';
import { Stage } from './stage.ts';
import { writeTable } from './table.ts';

const AGENTS: readonly Agent[] = [
  sipp,
  sippServer,
  sipsak,
  baresips('UDP'),
  baresips('TCP'),
  baresips('TLS'),
  linphones('UDP'),
  linphones('TCP'),
  browsers,
  sbc,
];

/** `make test-interop`: every agent's cases against a real proxy; ends with 1 if one has failed. */
const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, docs: { type: 'boolean', default: false } },
});
const LOGS = '.sipcluster/interop';
const outcomes: { readonly of: Case; readonly failed: string | undefined }[] = [];
const stage = await Stage.begins();
let stopped = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (stopped = true));
try {
  for (const agent of AGENTS) {
    if (stopped || !agent.name.includes(values.only)) continue;
    console.log(agent.name);
    const cast = await agent.begin(stage);
    try {
      for (const one of cast.cases) {
        if (stopped) break;
        const begun = Date.now();
        const failed = await failure(one);
        if (failed !== undefined) keepLog(`${agent.name} ${one.what}`, cast.said());
        cast.next();
        outcomes.push({ of: one, failed });
        console.log(
          `  ${failed === undefined ? '✔' : '✘'} ${one.what} (${Date.now() - begun} ms)${failed === undefined ? '' : `: ${failed}`}`,
        );
      }
    } finally {
      await cast.end();
    }
  }
} finally {
  await stage.ends();
}
const failures = outcomes.filter(({ failed }) => failed !== undefined).length;
if (values.docs) writeTable(outcomes.map(({ of, failed }) => ({ ...of, passed: failed === undefined })));
console.log(`${outcomes.length - failures} passed, ${failures} failed`);
process.exit(failures === 0 && !stopped ? 0 : 1);

function keepLog(name: string, said: string): void {
  mkdirSync(LOGS, { recursive: true });
  writeFileSync(join(LOGS, `${name.replaceAll(/[^A-Za-z0-9]+/g, '-')}.log`), said, 'latin1');
}

async function failure(one: Case): Promise<string | undefined> {
  try {
    await one.run();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
