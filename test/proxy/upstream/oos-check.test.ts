import { expect } from 'chai';
import { isDual } from '../../../proxy/upstream/pair-check.ts';
import { Rig } from './oos-check-rig.ts';

describe('the oos-check of a starting proxy', () => {
  it('pings both members at once and takes the primary where both are in service', () => {
    const rig = new Rig().pass(0);
    expect(rig.done()).to.deep.equal(['ping primary', 'ping backup']);
    rig.up('backup');
    expect(rig.pair.active).to.equal('none');
    rig.up('primary');
    expect(rig.done()).to.deep.equal(['none -> primary']);
    expect(isDual(rig.pair)).to.equal(true);
  });

  it('takes the backup once the primary is known not to be in service', () => {
    expect(new Rig().up('backup').down('primary').pair.active).to.equal('backup');
    expect(new Rig().standby('primary').up('backup').pair.active).to.equal('backup');
  });

  it('takes what most live proxies publish, at once, and leaves it if it does not answer', () => {
    const rig = new Rig({ incumbent: 'backup' }).pass(0);
    expect(rig.pair.active).to.equal('backup');
    rig.up('primary');
    expect(rig.pair.active).to.equal('backup');
    rig.down('backup');
    expect(rig.pair.active).to.equal('primary');
  });

  it('keeps what they publish where both answer in service', () => {
    expect(new Rig({ incumbent: 'backup' }).up('primary').up('backup').pair.active).to.equal('backup');
  });

  it('holds back the member that they do not publish: it may have been stopped, and resume in the belief that it has its pair', () => {
    for (const [incumbent, other] of [
      ['backup', 'primary'],
      ['primary', 'backup'],
    ] as const) {
      const rig = new Rig({ incumbent }).pass(0).down(other).up(incumbent).pass(1000);
      for (let i = 0; i < 98; i++) rig.request(other).up(other).up(incumbent).pass(100);
      expect(rig.pair.active).to.equal(incumbent);
      rig.pass(300).request(other).up(other);
      expect(rig.pair.active).to.equal(other);
      expect(new Rig({ incumbent }).up(other).down(incumbent).pair.active, 'where the other is Down').to.equal(other);
    }
  });

  it('takes the backup rather than the primary if only the backup sends requests', () => {
    expect(new Rig().pass(0).request('backup').up('primary').up('backup').pair.active).to.equal('backup');
  });

  it('knows none in service once both have failed', () => {
    const rig = new Rig().pass(0).down('primary').down('backup');
    expect(rig.pair).to.include({ active: 'none', phase: 'NoneFast' });
  });
});

describe('the oos-check of a pair with an active member', () => {
  it('keeps it while it answers in service, and pings both at the interval', () => {
    const rig = Rig.settled();
    rig.pass(4000);
    expect(rig.done()).to.deep.equal(['ping primary', 'ping backup']);
    expect(rig.up('primary').pass(5000).pair.active).to.equal('primary');
    expect(rig.done()).to.deep.equal(['ping primary', 'ping backup']);
  });

  it('gives its place to the other at once where it gives Standby or Down and the other is in service', () => {
    for (const lose of [(rig: Rig) => rig.standby('primary'), (rig: Rig) => rig.down('primary')]) {
      const rig = lose(Rig.settled().up('backup'));
      expect(rig.done()).to.deep.equal(['primary -> backup']);
    }
  });

  it('pings the other at once when it is Down, without waiting for its turn', () => {
    const rig = Rig.settled().down('primary');
    expect(rig.done()).to.include('ping backup');
    expect(rig.up('backup').done()).to.deep.equal(['none -> backup']);
  });

  it('has none when it gives Standby and the other is not in service', () => {
    expect(Rig.settled().standby('primary').done()).to.include('primary -> none');
  });

  it('keeps the incumbent where both are in service, and says so', () => {
    const rig = Rig.settled().up('backup');
    expect(rig.pair.active).to.equal('primary');
    expect(isDual(rig.pair)).to.equal(true);
    expect(isDual(rig.down('backup').pair)).to.equal(false);
  });

  it('counts configured codes as in service besides 2xx', () => {
    const rig = Rig.settled({ timing: { inService: [[480, 486]] } });
    rig.up('primary', 483);
    expect(rig.pair.members[0]).to.include({ state: 'InService', reason: 'Answered483' });
    expect(rig.up('primary', 202).pair.members[0]).to.include({ state: 'InService', reason: 'OptionsAnswered' });
    expect(rig.up('primary', 487).pair.members[0]).to.include({ state: 'Standby', reason: 'Answered487' });
  });

  it('only shortens its pings by jitter, so that a dead member is noticed within interval and timeout', () => {
    for (const random of [0, 0.5, 0.999]) {
      const rig = Rig.settled();
      rig.random = random;
      rig.pass(10_000);
      for (const member of rig.pair.members) {
        const period = member.due - member.sent;
        expect(period).to.be.at.most(5000).and.at.least(4500);
      }
    }
  });

  it('pings both at once after a transport error or another proxy’s switch, and decides nothing by it', () => {
    for (const event of [{ kind: 'transportError', role: 'primary' }, { kind: 'hint' }] as const) {
      const rig = Rig.settled().tell(event);
      expect(rig.done()).to.deep.equal(['ping primary', 'ping backup']);
      expect(rig.pair.active).to.equal('primary');
    }
  });

  it('smooths the round trip', () => {
    const rig = Rig.settled().tell({ kind: 'answered', role: 'primary', status: 200, rtt: 11 });
    expect(rig.pair.members[0]).to.include({ rtt: 11, smoothedRtt: 4 });
  });
});

describe('the oos-check of a pair with neither member in service', () => {
  it('pings both every 500 ms for 30 s, then at recheck', () => {
    const rig = Rig.settled().down('primary');
    rig.pass(29_999);
    const fast = rig.done().filter((action) => action === 'ping backup').length;
    expect(fast).to.equal(60);
    rig.pass(1);
    expect(rig.pair.phase).to.equal('NoneSlow');
    rig.done();
    rig.pass(16_500);
    const slow = rig.done().filter((action) => action === 'ping backup').length;
    expect(slow).to.be.within(2, 3);
  });

  it('takes the first member in service', () => {
    for (const role of ['primary', 'backup'] as const) {
      const rig = Rig.settled().down('primary').pass(60_000).up(role);
      expect(rig.pair).to.include({ active: role, phase: 'Active' });
    }
  });
});

describe('the oos-check with an interval of 0', () => {
  const unchecked = { timing: { interval: 0 } };

  it('pings nobody and holds the primary for active', () => {
    const rig = new Rig(unchecked).pass(600_000);
    expect(rig.done()).to.deep.equal([]);
    expect(rig.pair.active).to.equal('primary');
  });

  it('switches by transport errors of the active member, and back', () => {
    const rig = new Rig(unchecked).tell({ kind: 'transportError', role: 'primary' });
    expect(rig.done()).to.deep.equal(['primary -> backup']);
    expect(rig.tell({ kind: 'transportError', role: 'primary' }).pair.active).to.equal('backup');
    expect(rig.tell({ kind: 'transportError', role: 'backup' }).pair.active).to.equal('primary');
    expect(rig.pair.members.map(({ state }) => state)).to.deep.equal(['Unknown', 'Down']);
  });

  it('keeps a single member through transport errors', () => {
    const rig = new Rig({ ...unchecked, roles: ['primary'] }).tell({ kind: 'transportError', role: 'primary' });
    expect(rig.pair.active).to.equal('primary');
  });
});

describe('the oos-check of a single member', () => {
  it('has it or none', () => {
    const rig = new Rig({ roles: ['primary'] }).pass(0).up('primary').down('primary');
    expect(rig.pair.active).to.equal('none');
    expect(rig.pass(700).up('primary').pair.active).to.equal('primary');
    expect(rig.done()).to.include.members(['none -> primary', 'primary -> none']);
  });
});
