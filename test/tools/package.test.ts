import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

describe('the npm package', function () {
  this.timeout(60_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sipcluster-test-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('installed by npm runs as JavaScript, with nothing but what it depends on', function () {
    const made = execFileSync(process.execPath, [join(root, 'test/tools/package.ts'), folder], {
      encoding: 'utf8',
      stdio: 'pipe',
    }).trim();
    expect(made).to.equal(join(folder, `sipcluster-${version}.tgz`));
    writeFileSync(join(folder, 'package.json'), '{ "private": true }');
    const install = spawnSync('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', made], {
      cwd: folder,
      encoding: 'utf8',
    });
    if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ETIMEDOUT/.test(install.stderr)) return this.skip(); // no registry, and not all in npm's cache
    expect(install.status, install.stderr).to.equal(0);

    const installed = join(folder, 'node_modules/sipcluster');
    expect(existsSync(join(installed, 'operator/cli.ts'))).to.equal(false);
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [join(folder, 'node_modules/.bin/sipcluster'), ...args], { encoding: 'utf8' });
    expect(run('--version').stdout).to.equal(`${version}\n`);
    expect(run('validate', '-f', join(root, 'test/manifests/minimal.yaml')).stdout).to.include(': valid');
    const proxy = run('proxy', '--config', join(root, 'test/manifests/minimal.yaml'));
    expect(proxy.status).to.equal(2);
    expect(proxy.stderr).to.include('cluster: is missing');
  });
});

describe('a start on an older Node.js', () => {
  it('says in one line which one is needed, and exits 1', () => {
    const program = readFileSync(join(root, 'operator/bin/sipcluster.js'), 'utf8');
    const folder = mkdtempSync(join(tmpdir(), 'sipcluster-test-'));
    try {
      // what an older one would see, told to this one
      const file = join(folder, 'sipcluster.mjs');
      writeFileSync(
        file,
        program.replaceAll('process.versions.node', "'20.20.2'").replaceAll('process.version ', "'v20.20.2' "),
      );
      chmodSync(file, 0o755);
      const { status, stderr } = spawnSync(process.execPath, [file, '--version'], { encoding: 'utf8' });
      expect(status).to.equal(1);
      expect(stderr).to.match(/^sipcluster needs Node\.js 26 or newer, and this is v20\.20\.2 \(.*\)\.\n$/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('never happens in a clone: the project brings its own', () => {
    expect(Number(process.versions.node.split('.')[0])).to.be.at.least(26);
    expect(process.execPath).to.include(join(root, 'node_modules'));
  });
});
