import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import type { KubernetesObject } from '../../operator/kubernetes/object.ts';
import { findProgram } from '../tools/programs.ts';

const run = promisify(execFile);
const charts = fileURLToPath(new URL('../../charts', import.meta.url));

export type Chart = 'sipcluster' | 'sipcluster-crds';

/** Undefined: there is none, and the tests that need it are skipped. */
const helm = findProgram('helm');

/** Says why, and skips. */
export function skipWithoutHelm(context: Mocha.Context): void {
  if (helm !== undefined) return;
  console.error('      skipped: no helm in the PATH or the cache; `node test/tools/programs.ts helm` builds one');
  context.skip();
}

/** The objects of a chart with these values. Rejects with what helm says against them. */
export async function template(
  chart: Chart,
  values: object = {},
  ...options: readonly string[]
): Promise<KubernetesObject[]> {
  const flags = ['--namespace', 'sipcluster-system', '--kube-version', '1.34.0', ...set(values), ...options];
  const { stdout } = await run(helm ?? 'helm', ['template', 'sipcluster', `${charts}/${chart}`, ...flags]);
  return parseAllDocuments(stdout).flatMap((document) => {
    if (document.errors.length > 0) throw new Error(`${chart}: ${document.errors.join('; ')}`);
    return (document.toJS() as KubernetesObject | null) ?? [];
  });
}

/** What `helm install` tells when it is done. */
export async function notes(values: object = {}): Promise<string> {
  const flags = ['--dry-run=client', '--namespace', 'sipcluster-system', ...set(values)];
  const { stdout } = await run(helm ?? 'helm', ['install', 'sipcluster', `${charts}/sipcluster`, ...flags]);
  return stdout.slice(stdout.indexOf('NOTES:'));
}

function set(values: object): string[] {
  return Object.entries(values).flatMap(([name, value]) => ['--set-json', `${name}=${JSON.stringify(value)}`]);
}
