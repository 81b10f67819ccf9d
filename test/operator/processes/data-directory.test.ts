import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { DataDirectory, readUpState } from '../../../operator/processes/data-directory.ts';
import { UserError } from '../../../operator/user-error.ts';

const state = {
  pid: process.pid,
  startedAt: '2026-01-01T00:00:00.000Z',
  manifest: '/m.yaml',
  proxies: [],
  shards: [],
  stores: [],
};

describe('the data directory', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sipcluster-test-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is made with the folders above it', () => {
    const directory = new DataDirectory(join(folder, 'a/b'));
    expect(readdirSync(directory.path)).to.deep.equal(['up.lock']);
    directory.release();
    expect(readdirSync(directory.path)).to.deep.equal([]);
  });

  it('has one holder at a time, and says who it is', () => {
    const directory = new DataDirectory(folder);
    expect(() => new DataDirectory(folder)).to.throw(
      UserError,
      `held by another \`sipcluster up\` (pid ${process.pid})`,
    );
    directory.release();
    new DataDirectory(folder).release();
  });

  it('is taken over from a holder that died, even if another process has its id now', () => {
    writeFileSync(join(folder, 'up.lock'), JSON.stringify({ pid: 2 ** 22 + 1, birth: '1' }));
    new DataDirectory(folder).release();
    writeFileSync(join(folder, 'up.lock'), JSON.stringify({ pid: process.pid, birth: '1' }));
    new DataDirectory(folder).release();
  });

  it('that can not be made is an error that names it and what to do', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => new DataDirectory(join(folder, 'file/below'))).to.throw(
      UserError,
      /^can't use .*file\/below as data directory: .* --data-dir\.$/,
    );
    expect(() => new DataDirectory('/proc/sipcluster')).to.throw(
      UserError,
      "can't use /proc/sipcluster as data directory",
    );
  });

  it('tells others what runs in it, while it runs', () => {
    expect(() => readUpState(folder)).to.throw(UserError, 'no `sipcluster up` runs in');
    const directory = new DataDirectory(folder);
    directory.write(state);
    expect(readUpState(folder)).to.deep.equal(state);
    writeFileSync(join(folder, 'up.lock'), JSON.stringify({ pid: 2 ** 22 + 1, birth: '1' }));
    expect(() => readUpState(folder)).to.throw(UserError, 'no longer runs');
  });
});
