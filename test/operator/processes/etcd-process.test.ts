import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { choosePorts, etcdArguments } from '../../../operator/processes/etcd-process.ts';
import { eventually } from '../../peers/deadline.ts';

describe('the etcd of a data centre', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sipcluster-test-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('compacts itself, has room, and does not do without fsync', () => {
    const args = etcdArguments('dc1', '/data', { client: 1, peer: 2 });
    expect(args).to.include.members([
      '--auto-compaction-mode=periodic',
      '--auto-compaction-retention=5m',
      '--quota-backend-bytes=8589934592',
    ]);
    expect(args.join(' ')).not.to.include('fsync');
  });

  it('has the same ports the next time, unless another has them now', async () => {
    const ports = await choosePorts(folder, new Set());
    expect(ports.client).not.to.equal(ports.peer);
    expect(await choosePorts(folder, new Set())).to.deep.equal(ports);
    const holder = createServer().listen(ports.client, '127.0.0.1');
    await once(holder, 'listening');
    const moved = await choosePorts(folder, new Set());
    holder.close();
    expect(moved.client).not.to.equal(ports.client);
    expect(moved.peer).to.equal(ports.peer);
  });

  it('shares no port with that of another data centre', async () => {
    const taken = new Set<number>();
    const all = await Promise.all(['a', 'b', 'c', 'd'].map((name) => choosePorts(join(folder, name), taken)));
    expect(taken.size).to.equal(8);
    expect(new Set(all.flatMap(({ client, peer }) => [client, peer])).size).to.equal(8);
  });

  it('ends with the process that started it, however that one goes', async () => {
    const source = fileURLToPath(new URL('../../../operator/processes/etcd-process.ts', import.meta.url));
    // a stand-in for etcd that only waits, and tells its process id
    const binary = join(folder, 'waits');
    const script = `
      import { chmodSync, writeFileSync } from 'node:fs';
      import { pino } from 'pino';
      import { EtcdProcess } from ${JSON.stringify(source)};
      writeFileSync(${JSON.stringify(binary)}, '#!/bin/sh\\necho $$ > ${folder}/pid\\nexec sleep 60\\n');
      chmodSync(${JSON.stringify(binary)}, 0o755);
      new EtcdProcess('dc1', ${JSON.stringify(binary)}, ${JSON.stringify(folder)}, { client: 1, peer: 2 }, pino({ level: 'silent' })).start();
      setInterval(() => {}, 1000);
    `;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'inherit', 'inherit'],
      cwd: fileURLToPath(new URL('../../..', import.meta.url)),
    });
    let pid = 0;
    await eventually(5000, 'the start', () => (pid = pidIn(join(folder, 'pid'))) > 0 && isAlive(pid));
    parent.kill('SIGKILL');
    await eventually(5000, 'the end', () => !isAlive(pid));
  });
});

function pidIn(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return 0;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
