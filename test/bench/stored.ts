import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Etcd } from '../peers/etcd.ts';
import { freePort } from '../peers/free-port.ts';
import { proxy, Running, type Contender } from './contender.ts';
import type { Load } from './load.ts';

/**
 * Runs `use` with a proxy that commits what it registers to an etcd, from which a second proxy takes it. These two are
 * on `core`, where they disturb the one that is measured no more than phones do.
 */
export async function withStore<T>(load: Load, core: number, use: (contender: Contender) => Promise<T>): Promise<T> {
  const etcd = await Etcd.start();
  const directory = mkdtempSync(join(tmpdir(), 'sipcluster-bench-'));
  try {
    const { address } = load.server;
    const at = { address, port: await freePort() };
    const second = new Running(proxy('proxy-1', etcd.endpoint), at, load.server, directory, core);
    try {
      return await use(proxy('proxy-0', etcd.endpoint));
    } finally {
      await second.end();
    }
  } finally {
    await etcd.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}
