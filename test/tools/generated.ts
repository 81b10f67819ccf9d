import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Writes generated files, or with --check compares them and sets exit code 1 where one differs.
 * @param files their texts, by path from the project's root.
 */
export function settle(files: Readonly<Record<string, string>>): void {
  const check = process.argv.includes('--check');
  for (const [path, text] of Object.entries(files)) {
    const url = new URL(`../../${path}`, import.meta.url);
    if (current(url) === text) continue;
    if (check) {
      console.error(`${path} is not what its source says: run \`make types\` and commit the result`);
      process.exitCode = 1;
    } else {
      writeFileSync(url, text);
      console.log(`${path} written`);
    }
  }
}

function current(url: URL): string | undefined {
  try {
    return readFileSync(url, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** TypeScript as the project's formatter writes it. */
export function formatted(text: string, filename: string): string {
  const oxfmt = fileURLToPath(new URL('../../node_modules/.bin/oxfmt', import.meta.url));
  return execFileSync(oxfmt, [`--stdin-filepath=${filename}`], {
    input: text,
    encoding: 'utf8',
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
  });
}
