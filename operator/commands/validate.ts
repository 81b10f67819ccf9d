import { readFileSync } from 'node:fs';
import { UserError } from '../user-error.ts';
import { formatProblem, validateManifest } from '../validate.ts';

/**
 * Checks a manifest file, or standard input for `-`, and prints what is wrong with it, a line each.
 * @returns the exit code: 0 if it is valid, whatever the warnings, 2 if not
 */
export function runValidate({ file }: { readonly file: string }): number {
  const name = file === '-' ? 'standard input' : file;
  const { resources, problems, skipped } = validateManifest(readText(file), name);
  for (const problem of problems) process.stderr.write(`${formatProblem(problem)}\n`);
  for (const { line, what } of skipped) process.stderr.write(`${name}:${line}: skipped, is no SipCluster: ${what}\n`);
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  if (errors > 0) {
    process.stderr.write(`${name}: ${errors} ${errors === 1 ? 'error' : 'errors'}\n`);
    return 2;
  }
  const names = resources.map(({ metadata }) => metadata.name).join(', ');
  process.stdout.write(`${name}: valid (${names})\n`);
  return 0;
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UserError(`can't read ${file}: ${code === 'ENOENT' ? 'there is no such file' : message}`, {
      cause: error,
      exitCode: 2,
    });
  }
}
