import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { parse } from 'yaml';
import { eventually, within } from '../peers/deadline.ts';
import { ownAddress } from '../peers/loopback.ts';

const program = fileURLToPath(new URL('../../operator/bin/sipcluster.js', import.meta.url));
const version = (parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string })
  .version;

interface Result {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A command line that runs. */
class Running {
  readonly process: ChildProcess;
  readonly exit: Promise<unknown>;
  out = '';
  err = '';

  constructor(args: readonly string[], input = '') {
    this.process = spawn(process.execPath, [program, ...args], { stdio: 'pipe' });
    this.exit = once(this.process, 'close');
    this.process.stdout?.on('data', (text) => (this.out += String(text)));
    this.process.stderr?.on('data', (text) => (this.err += String(text)));
    this.process.stdin?.end(input);
  }

  async said(text: string | RegExp, ms = 15_000): Promise<void> {
    await eventually(ms, `it says ${String(text)}; it said ${this.out}${this.err}`, () => {
      if (this.process.exitCode !== null) throw new Error(`it ended: ${this.out}${this.err}`);
      return typeof text === 'string' ? this.out.includes(text) : text.test(this.out);
    });
  }

  async result(): Promise<Result> {
    await this.exit;
    return { code: this.process.exitCode, out: this.out, err: this.err };
  }
}

function run(args: readonly string[], input = ''): Promise<Result> {
  return new Running(args, input).result();
}

async function statusOf(
  dataDir: string,
): Promise<{ proxies: { name: string; ready: boolean; state: string; configuration: { hash: string } }[] }> {
  return JSON.parse((await run(['status', '--data-dir', dataDir, '-o', 'json'])).out) as Awaited<
    ReturnType<typeof statusOf>
  >;
}

/** Processes that work below a folder or name it: what an `up` there has started. */
function processesOf(folder: string): { pid: number; command: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        readlinkSync(`/proc/${name}/exe`); // a zombie has none
        return command.includes(folder) ? [{ pid: Number(name), command }] : [];
      } catch {
        return [];
      }
    });
}

describe('sipcluster', () => {
  let folder: string;
  let dataDir: string;
  let file: string;
  let addresses: [string, string];
  const running: Running[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sipcluster-test-'));
    dataDir = join(folder, 'data');
    file = join(folder, 'manifest.yaml');
    addresses = [ownAddress(), ownAddress()];
    writeFileSync(file, manifest());
  });
  afterEach(async () => {
    for (const each of running.splice(0)) {
      if (each.process.exitCode === null && each.process.signalCode === null) each.process.kill('SIGTERM');
      await each.exit;
    }
    rmSync(folder, { recursive: true });
  });

  function manifest(more = '', port = 5060): string {
    return `
apiVersion: sipcluster.io/v1alpha1
kind: SipCluster
metadata: { name: cc }
spec:
  geoLocations: [{ name: dc1 }]
  switches:
    - name: sw
      clusterDNs:
        - name: dn
          domains: [sip.example.com]
          fqdn: { a: proxies.sip.example.com }
          ${more}
          proxies: [{ geoLocation: dc1, replicas: 2, listeners: [{ transport: UDP, port: ${port}, side: Internal }] }]
          sipServers: [{ name: ss1, geoLocation: dc1, primary: { host: 127.0.0.1, port: 9 } }]
`;
  }

  function up(...args: readonly string[]): Running {
    const [first, second] = addresses;
    const each = new Running([
      'up',
      '-f',
      file,
      '--data-dir',
      dataDir,
      '--address',
      `dc1/0=${first}`,
      `dc1/1=${second}`,
      ...args,
    ]);
    running.push(each);
    return each;
  }

  it('says its version', async () => {
    expect(await run(['--version'])).to.deep.equal({ code: 0, out: `${version}\n`, err: '' });
  });

  it('helps with every command, with examples', async () => {
    const commands = ['up', 'proxy', 'status', 'registrations', 'validate'];
    const results = await Promise.all(commands.map((command) => run([command, '--help'])));
    commands.forEach((command, n) => {
      expect(results[n]?.code).to.equal(0);
      expect(results[n]?.out).to.include('Examples:').and.include(`sipcluster ${command}`);
    });
  }).timeout(20_000);

  it('says in two lines what is wrong with a command line', async () => {
    expect(await run([])).to.deep.equal({ code: 1, out: '', err: 'Name a command.\nSee: sipcluster --help\n' });
    expect((await run(['stauts'])).err).to.equal('Did you mean status?\nSee: sipcluster --help\n');
    expect((await run(['up'])).err).to.equal('Missing required argument: file\nSee: sipcluster up --help\n');
    expect((await run(['status', '--wide'])).err).to.equal('Unknown argument: wide\nSee: sipcluster status --help\n');
  }).timeout(20_000);

  it('says that nothing runs where nothing runs', async () => {
    const { code, err } = await run(['status', '--data-dir', dataDir]);
    expect([code, err]).to.deep.equal([
      1,
      `no \`sipcluster up\` runs in ${dataDir}. Start one, or name its directory by --data-dir. For proxies on Kubernetes name a namespace by -n, or a context by --context.\n`,
    ]);
  });

  describe('validate', () => {
    it('exits 0 for a valid manifest, from a file or standard input', async () => {
      expect(await run(['validate', '-f', file])).to.deep.equal({ code: 0, out: `${file}: valid (cc)\n`, err: '' });
      expect((await run(['validate', '-f', '-'], manifest())).code).to.equal(0);
    });

    it('exits 2 with file, line, field and reason for one that is not', async () => {
      writeFileSync(file, manifest().replace('domains:', 'domain:'));
      const { code, err } = await run(['validate', '-f', file]);
      expect(code).to.equal(2);
      expect(err).to.match(/manifest\.yaml:11: spec\.switches\[0\]\.clusterDNs\[0\]\.domain: .*did you mean 'domains'/);
      expect((await run(['validate', '-f', '/nonexistent'])).code).to.equal(2);
    });
  });

  describe('proxy', () => {
    it('told nonsense prints every error and exits 2', async () => {
      writeFileSync(file, 'cluster: 7\nlisteners: [{ transport: SMOKE, port: 99999 }]\n');
      const { code, err } = await run(['proxy', '--config', file]);
      expect(code).to.equal(2);
      expect(err).to.include('listeners[0].port').and.include('listeners[0].transport').and.include('place');
      expect((await run(['proxy', '--config', '/nonexistent'])).err).to.equal('/nonexistent: there is no such file\n');
    }).timeout(20_000);

    const config = (domain = 'a.example.com'): string => `
namespace: v
cluster: cc
switch: sw
dn: dn
geoLocation: dc1
place: { name: p0, address: ${addresses[0]} }
domains: [${domain}]
listeners: [{ transport: UDP, port: 5060 }]
admin: { port: 9060 }
servers: [{ name: ss1, geoLocation: dc1, members: [{ role: primary, host: 127.0.0.1, port: 9, transport: UDP }] }]
proxiesIn: [dc1]
stores: [{ geoLocation: dc1, memory: true }]
drain: { dnsGrace: 0s, window: 0s, limit: 5s }
`;

    it('runs until SIGTERM, takes a changed file live, and keeps the old one where the new one is wrong', async () => {
      writeFileSync(file, config('a.example.com'));
      const proxy = new Running(['proxy', '--config', file]);
      running.push(proxy);
      await proxy.said('proxy ready');
      writeFileSync(file, config('b.example.com'));
      await proxy.said('configuration changed');
      writeFileSync(file, 'nonsense');
      await proxy.said('the changed configuration is refused, the old one stays');
      proxy.process.kill('SIGTERM');
      expect((await proxy.result()).code).to.equal(0);
    }).timeout(20_000);

    it('says who holds the port that it needs', async () => {
      const socket = createSocket('udp4').bind(5060, addresses[0]);
      await once(socket, 'listening');
      writeFileSync(file, config());
      const { code, out } = await run(['proxy', '--config', file]);
      socket.close();
      expect(code).to.equal(1);
      expect(out).to.include(`can't listen on UDP ${addresses[0]}:5060`).and.include(`held by pid ${process.pid}`);
    });
  });

  describe('up', function () {
    this.timeout(40_000);

    it('does not start with a manifest that is not valid', async () => {
      writeFileSync(file, manifest().replace('replicas: 2', 'replicas: 1'));
      const { code, err } = await up('--store', 'memory').result();
      expect(code).to.equal(2);
      expect(err).to.include('proxies[0].replicas: must be at least 2');
    });

    it('names the address, the port and its holder where a port is in use, before anything starts', async () => {
      const socket = createSocket('udp4').bind(5060, addresses[1]);
      await once(socket, 'listening');
      const { code, err } = await up('--store', 'memory').result();
      socket.close();
      expect(code).to.equal(1);
      expect(err).to.include(`UDP ${addresses[1]}:5060 is in use by pid ${process.pid}`);
    });

    it('refuses what it can not do: one address for two proxies, unknown data centres, a data directory without rights', async () => {
      const twice = await run([
        'up',
        '-f',
        file,
        '--data-dir',
        dataDir,
        '--address',
        'dc1/0=127.0.0.9',
        'dc1/1=127.0.0.9',
      ]);
      expect(twice.err).to.include('have one address, 127.0.0.9: each needs its own');
      expect((await up('--geo-location', 'dc9').result()).err).to.include(
        '--geo-location dc9: the manifest has only dc1',
      );
      expect((await up('--secret', 'tls=/nonexistent').result()).err).to.include(
        '--secret tls=/nonexistent: there is no such directory',
      );
      expect((await run(['up', '-f', file, '--data-dir', '/proc/x'])).err).to.include(
        "can't use /proc/x as data directory",
      );
    });

    it('runs all in one process with --store memory, and takes changes live', async () => {
      const all = up('--store', 'memory');
      await all.said('All 2 proxies ready in');
      expect(all.out).to.include(
        `cc-sw-dn-dc1-0  dc1  ${addresses[0]}  UDP 5060  http://${addresses[0]}:9060  ready in`,
      );
      expect(processesOf(folder)).to.have.length(1);
      const before = await statusOf(dataDir);
      expect(before.proxies.map(({ ready }) => ready)).to.deep.equal([true, true]);

      writeFileSync(file, manifest('overload: { invitesPerSecond: 5 }'));
      await all.said('manifest.yaml is in force');
      await eventually(5000, 'another configuration', async () => {
        const { proxies } = await statusOf(dataDir);
        return proxies.every((proxy, n) => proxy.configuration.hash !== before.proxies[n]?.configuration.hash);
      });

      writeFileSync(file, manifest('remoteServers: Sometimes'));
      await all.said('nothing is changed, the last valid manifest stays in force');
      expect(all.out).to.include('remoteServers: must be one of');

      const list = await run(['registrations', '--data-dir', dataDir, '-o', 'yaml']);
      expect(parse(list.out)).to.deep.equal({
        registrations: [],
        proxies: [0, 1].map((n) => ({ name: `cc-sw-dn-dc1-${n}`, geoLocation: 'dc1', registrations: 0 })),
      });
      all.process.kill('SIGINT');
      expect((await all.result()).code).to.equal(0);
      expect(readdirSync(dataDir)).not.to.include('up.json').and.not.to.include('up.lock');
    });

    it('runs an etcd and a process for each proxy, starts again what dies, and ends all within 5 s', async () => {
      const all = up();
      await all.said('All 2 proxies ready in');
      expect(processesOf(folder).filter(({ command }) => / proxy --config /.test(command))).to.have.length(2);

      const second = await run(['up', '-f', file, '--data-dir', dataDir]);
      expect(second.err).to.include(`held by another \`sipcluster up\` (pid ${all.process.pid})`);

      const before = await statusOf(dataDir);
      const victim = processesOf(folder).find(({ command }) => command.includes('dc1-1.yaml'));
      const etcd = processesOf(folder).find(
        ({ command }) => command.includes('/etcd --name=dc1') && !command.startsWith('/bin/sh'),
      );
      if (victim === undefined || etcd === undefined) return expect.fail('no such process');
      process.kill(victim.pid, 'SIGKILL');
      process.kill(etcd.pid, 'SIGKILL');
      await eventually(3000, 'they are said to have died', () =>
        /proxy cc-sw-dn-dc1-1 was ended by SIGKILL/.test(all.err),
      );
      await eventually(15_000, 'all are back', async () => {
        const { proxies } = await statusOf(dataDir);
        return (
          proxies.every(({ ready }) => ready) &&
          processesOf(folder).some(({ command }) => command.includes('etcd --name=dc1'))
        );
      });
      expect(all.err).to.match(/etcd of dc1 ended with exit code 137/);
      expect((await statusOf(dataDir)).proxies[0]).to.deep.include({ configuration: before.proxies[0]?.configuration });

      all.process.kill('SIGTERM');
      expect((await within(5000, 'the end', all.result())).code).to.equal(0);
      expect(processesOf(folder)).to.deep.equal([]);
    });

    it('rolls proxies one by one where a change can not be taken live', async () => {
      const all = up();
      await all.said('All 2 proxies ready in');
      writeFileSync(file, manifest('', 5070));
      await all.said('manifest.yaml is in force');
      expect(all.out).to.match(/dc1-0 .* UDP 5070 .* ready in .*\n.*dc1-1 .* UDP 5070 .* ready in/);
      all.process.kill('SIGTERM');
      await all.exit;
      expect(processesOf(folder)).to.deep.equal([]);
    });

    it('leaves nothing running where it is killed, and starts again over the data it left', async () => {
      const all = up();
      await all.said('All 2 proxies ready in');
      expect(processesOf(folder).length).to.be.greaterThan(3);
      all.process.kill('SIGKILL');
      await eventually(8000, 'all are gone', () => processesOf(folder).length === 0);
      const again = up();
      await again.said('All 2 proxies ready in');
    });

    it('ends at once on a second signal', async () => {
      const all = up();
      await all.said('cc-sw-dn-dc1-0');
      all.process.kill('SIGINT');
      await all.said('SIGINT: ending');
      all.process.kill('SIGINT');
      await within(2000, 'the end', all.exit);
      await eventually(2000, 'all are gone', () => processesOf(folder).length === 0);
    });
  });
});
