import { expect } from 'chai';
import type { Timing } from '../../../proxy/upstream/pair-check.ts';
import { Rig } from './oos-check-rig.ts';

describe('a request from the member that is not active', () => {
  it('pings both at once and makes it active when it answers in service, for good if both do', () => {
    const rig = Rig.settled().request('backup');
    expect(rig.done()).to.deep.equal(['ping primary', 'ping backup']);
    rig.up('primary').up('backup');
    expect(rig.done()).to.deep.equal(['primary -> backup']);
    expect(rig.up('primary').pass(20_000).up('primary').up('backup').pair.active).to.equal('backup');
  });

  it('changes nothing unless it answers in service', () => {
    const rig = Rig.settled().request('backup').standby('backup');
    rig.pass(2100).up('backup');
    expect(rig.pair.active).to.equal('primary');
  });

  it('counts even if a Standby from before it is still on its way', () => {
    expect(Rig.settled().request('backup').standby('backup').up('backup').pair.active).to.equal('backup');
  });

  it('pings no more than ten times a second however many requests come', () => {
    const rig = Rig.settled();
    for (let i = 0; i < 1000; i++) rig.pass(1).request('backup');
    expect(rig.done().filter((action) => action === 'ping backup')).to.have.length.within(9, 11);
  });
});

describe('two primaries that both answer and both send requests', () => {
  it('have the pair for 5 s at least each', () => {
    const rig = Rig.settled();
    rig.done();
    for (let i = 0; i < 600; i++) rig.pass(50).request('primary').request('backup').up('primary').up('backup');
    expect(rig.done().filter((action) => action.includes('->'))).to.have.length.within(2, 6);
  });

  it('give it up at once all the same when they stand by or go Down', () => {
    const rig = Rig.settled().request('backup').up('backup');
    expect(rig.pair.active).to.equal('backup');
    expect(rig.up('primary').standby('backup').pair.active).to.equal('primary');
  });
});

/** The primary went Down and the backup has its place; then the primary answers again. */
function resumed(timing: Partial<Timing> = {}): Rig {
  const rig = Rig.settled({ timing }).up('backup').down('primary');
  expect(rig.pair.active).to.equal('backup');
  rig.pass(60_000).up('backup').up('primary');
  rig.done();
  return rig;
}

describe('damping', () => {
  it('holds back a primary that was stopped and resumes: its requests do not regain its pair', () => {
    const rig = resumed();
    rig.request('primary').up('primary').up('backup');
    rig.pass(9000).request('primary').up('primary');
    expect(rig.pair.active).to.equal('backup');
  });

  it('ends after max(2 × interval, 10 s) in service', () => {
    expect(resumed().pass(10_000).request('primary').up('primary').pair.active).to.equal('primary');
    const slow = resumed({ interval: 20_000 });
    expect(slow.pass(39_000).request('primary').up('primary').pair.active).to.equal('backup');
    expect(slow.pass(1000).request('primary').up('primary').pair.active).to.equal('primary');
  });

  it('holds back only while the other answers in service', () => {
    const rig = resumed().request('primary').up('primary').standby('backup');
    expect(rig.pair.active).to.equal('primary');
  });

  it('does not hold back a member that lost its place without going Down', () => {
    const rig = Rig.settled().up('backup').standby('primary');
    expect(rig.pair.active).to.equal('backup');
    expect(rig.request('primary').up('primary').pair.active).to.equal('primary');
  });

  it('never keeps a Down active member', () => {
    expect(resumed().down('backup').pair.active).to.equal('primary');
  });

  it('holds back a member that went Down while neither was in service', () => {
    const rig = Rig.settled().down('primary').pass(3000).up('backup').pass(1000);
    expect(rig.request('primary').up('primary').pair.active).to.equal('backup');
  });
});
