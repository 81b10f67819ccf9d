/**
 * Runs dependency-cruiser over the program and fails on what it finds, or if it saw nothing: a parser that can't read the
 * sources would otherwise pass them all.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface Cruise {
  readonly modules: readonly { readonly source: string; readonly dependencies: readonly unknown[] }[];
  readonly summary: {
    readonly violations: readonly {
      readonly from: string;
      readonly to: string;
      readonly rule: { readonly name: string };
    }[];
  };
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const folders = ['operator', 'proxy'];
const cruise = JSON.parse(
  execFileSync('node_modules/.bin/depcruise', [...folders, '--output-type', 'json'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  }),
) as Cruise;

const { violations } = cruise.summary;
for (const { from, to, rule } of violations) console.error(`${rule.name}: ${from} imports ${to}`);

const sources = folders.flatMap((folder) =>
  readdirSync(`${root}/${folder}`, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${folder}/${file}`),
);
const seen = new Set(cruise.modules.map(({ source }) => source));
const missed = sources.filter((source) => !seen.has(source));
const imports = cruise.modules.reduce((sum, { dependencies }) => sum + dependencies.length, 0);
if (missed.length > 0) console.error(`not seen: ${missed.join(', ')}`);
if (imports < sources.length)
  console.error(`only ${imports} imports seen in ${sources.length} files: the parser can't read them`);
process.exitCode = violations.length > 0 || missed.length > 0 || imports < sources.length ? 1 : 0;
