import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/**
 * The path of an etcd binary: $ETCD, else the first one in PATH, else the one in the cache, which `make` builds there.
 * Rejects with what to do if there is none.
 */
export async function findEtcd(): Promise<string> {
  const told = process.env['ETCD'];
  if (told !== undefined && told !== '') {
    if (await isExecutable(told)) return told;
    throw new Error(
      `ETCD is set to ${told}, which is not an executable file: set it to the path of an etcd 3.5 or newer, or unset it`,
    );
  }
  const places = (process.env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '');
  const cached = join(homedir(), '.cache', 'sipcluster', 'bin');
  for (const directory of [...places, cached]) {
    const path = join(directory, 'etcd');
    if (await isExecutable(path)) return path;
  }
  throw new Error(
    `found no etcd: ETCD is not set, and there is none in PATH or in ${cached}. Install etcd 3.5 or newer ` +
      `(Debian and Ubuntu: apt-get install etcd-server), or set ETCD to its path, or do without it by --store memory`,
  );
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
