import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { eventually } from '../../peers/deadline.ts';
import { ownAddress } from '../../peers/loopback.ts';

const PROGRAM = fileURLToPath(new URL('../../../operator/bin/sipcluster.js', import.meta.url));

describe('`sipcluster proxy`', () => {
  let folder: string;
  let child: ChildProcess;
  let logged: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sipcluster-proxy-'));
    const address = ownAddress();
    const file = join(folder, 'proxy.yaml');
    const config = {
      cluster: 'cc',
      switch: 'sw',
      dn: 'dn',
      geoLocation: 'dc1',
      place: { name: 'p1', address },
      domains: ['sip.example.com'],
      listeners: [{ transport: 'UDP', port: 5060, side: 'Both' }],
      admin: { port: 9060 },
      drain: { dnsGrace: '1m', window: '1m', limit: '3m' },
      oosCheck: { timeout: '100ms' },
      servers: [{ name: 'ss1', geoLocation: 'dc1', members: [{ role: 'primary', host: ownAddress() }] }],
      stores: [{ geoLocation: 'dc1', memory: true }],
    };
    writeFileSync(file, stringify(config));
    logged = '';
    child = spawn(process.execPath, [PROGRAM, 'proxy', '--config', file], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (logged += String(chunk)));
    await eventually(10_000, 'it is ready', async () => {
      const answer = await fetch(`http://${address}:9060/readyz`).catch(() => undefined);
      return answer?.ok === true;
    });
  });

  afterEach(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });

  it('drains on SIGTERM, and ends at once, in order, on a second signal', async () => {
    child.kill('SIGTERM');
    await eventually(5000, 'it says that it drains', () => /a second signal ends it at once/.test(logged));
    await eventually(5000, 'it says for how long', () => /takes new work for 60 s/.test(logged));
    expect(child.exitCode).to.equal(null);
    const exit = once(child, 'exit');
    child.kill('SIGINT');
    expect(await exit).to.deep.equal([0, null]);
    expect(logged).to.match(/proxy p1 ended/);
  });
});
