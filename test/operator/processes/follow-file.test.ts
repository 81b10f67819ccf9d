import { mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { followFile } from '../../../operator/processes/follow-file.ts';
import { eventually } from '../../peers/deadline.ts';

describe('following a file', () => {
  let folder: string;
  let file: string;
  let seen: string[];
  let end: () => void;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sipcluster-test-'));
    file = join(folder, 'file');
    writeFileSync(file, 'one');
    seen = [];
    end = followFile(file, 'one', (text) => seen.push(text));
  });
  afterEach(() => {
    end();
    rmSync(folder, { recursive: true });
  });

  it('sees it written in place', async () => {
    writeFileSync(file, 'two');
    await eventually(3000, 'the change', () => seen.length > 0);
    expect(seen).to.deep.equal(['two']);
  });

  it('sees it replaced, as editors do, and back again', async () => {
    writeFileSync(`${file}.new`, 'two');
    renameSync(`${file}.new`, file);
    await eventually(3000, 'the change', () => seen.length > 0);
    writeFileSync(file, 'one');
    await eventually(3000, 'the change back', () => seen.length > 1);
    expect(seen).to.deep.equal(['two', 'one']);
  });

  it('sees a link swapped, as Kubernetes does with a ConfigMap, and survives its absence', async () => {
    unlinkSync(file);
    writeFileSync(`${file}.target`, 'two');
    symlinkSync(`${file}.target`, file);
    await eventually(3000, 'the change', () => seen.length > 0);
    expect(seen).to.deep.equal(['two']);
  });
});
