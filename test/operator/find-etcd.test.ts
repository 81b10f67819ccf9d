import { expect } from 'chai';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findEtcd } from '../../operator/find-etcd.ts';

describe('finding etcd', () => {
  const saved = { ETCD: process.env['ETCD'], PATH: process.env['PATH'], HOME: process.env['HOME'] };
  let directory: string;
  let binary: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'find-etcd-'));
    binary = join(directory, 'etcd');
    await writeFile(binary, '#!/bin/sh\n');
    await chmod(binary, 0o755);
    delete process.env['ETCD'];
    process.env['PATH'] = '';
    process.env['HOME'] = join(directory, 'no-home');
  });
  afterEach(async () => {
    for (const [name, value] of Object.entries(saved)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    await rm(directory, { recursive: true });
  });

  it('takes the one it is told', async () => {
    process.env['ETCD'] = binary;
    expect(await findEtcd()).to.equal(binary);
  });

  it('takes the first in PATH', async () => {
    process.env['PATH'] = `${join(directory, 'elsewhere')}:${directory}`;
    expect(await findEtcd()).to.equal(binary);
  });

  it('says what is wrong with one it is told and can not run', async () => {
    await chmod(binary, 0o644);
    process.env['ETCD'] = binary;
    const error: unknown = await findEtcd().catch((caught: unknown) => caught);
    expect(String(error)).to.include(binary).and.include('not an executable file');
  });

  it('says where it looked and what to do if there is none', async () => {
    const error: unknown = await findEtcd().catch((caught: unknown) => caught);
    expect(String(error))
      .to.include('PATH')
      .and.include('no-home')
      .and.include('etcd-server')
      .and.include('--store memory');
  });
});
