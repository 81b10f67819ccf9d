import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import yargs from 'yargs';
import { Network } from './network.ts';
import { etcdMembers, movers, nameServers, pairs, phones, proxies, proxyNameServer } from './places.ts';
import { hostOf } from './proxies.ts';

/**
 * `make chaos`: makes the network, runs chaos.ts inside it, where the phones are, and takes the network away again,
 * however that one ends.
 */
const argv = await yargs(process.argv.slice(2))
  .scriptName('make chaos')
  .option('runs', { type: 'number', default: 10, describe: 'how often each fault is inflicted' })
  .option('faults', { type: 'string', default: '', describe: 'their names, by commas; all if left out' })
  .option('from', { type: 'string', default: '', describe: 'a commit, for release-rolled: it runs beside this one' })
  .option('docs', { type: 'boolean', default: false, describe: 'put the table into docs/failover.md' })
  .strict()
  .parseAsync();

if (process.getuid?.() !== 0) {
  process.stderr.write('chaos: needs root, for network namespaces and nftables\n');
  process.exit(1);
}
const network = new Network(`sc${process.pid}`);
const here = fileURLToPath(new URL('../..', import.meta.url));
let release: string | undefined;
let status = 1;
try {
  if (argv.from !== '') release = checkOut(argv.from);
  for (const place of proxies) network.add(hostOf(place), [place.address], proxyNameServer);
  for (const { primary, backup } of pairs) {
    for (const place of [primary, backup]) network.add(place.name, [place.address], nameServers[place.dataCentre]);
  }
  for (const place of etcdMembers) network.add(place.name, [place.address], nameServers[place.dataCentre]);
  const servers = [...Object.values(nameServers), proxyNameServer];
  network.add('phones', [...[...phones, ...movers].map(({ address }) => address), ...servers], nameServers.dc1);
  const program = fileURLToPath(new URL('chaos.ts', import.meta.url));
  const [file = '', ...args] = network.on('phones');
  const options = ['--network', network.prefix, '--runs', String(argv.runs), '--faults', argv.faults];
  if (argv.docs) options.push('--docs');
  if (release !== undefined) options.push('--release', release);
  const child = spawn(file, [...args, process.execPath, program, ...options], { stdio: 'inherit' });
  // Ctrl-C reaches the child by the terminal; it ends in order, and this one after it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill('SIGTERM'));
  await once(child, 'exit');
  status = child.exitCode ?? 1;
} finally {
  network.remove();
  if (release !== undefined) {
    execFileSync('git', ['worktree', 'remove', '--force', release], { cwd: here });
    rmSync(join(release, '..'), { recursive: true, force: true });
  }
}
process.exit(status);

/** Another commit of this repository, with this one's packages. */
function checkOut(commit: string): string {
  const folder = join(mkdtempSync(join(tmpdir(), 'sipcluster-release-')), 'sipcluster');
  execFileSync('git', ['worktree', 'add', '--quiet', '--detach', folder, commit], { cwd: here });
  symlinkSync(join(here, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}
