import { expect } from 'chai';
import * as fc from 'fast-check';
import { oosCheck, step, type OosAction, type OosEvent } from '../../../proxy/upstream/oos-check.ts';
import { beginPair, isDual, nextStep, type PairCheck, type Timing } from '../../../proxy/upstream/pair-check.ts';
import type { MemberRole } from '../../../proxy/store/records.ts';

const TIMING: Timing = { interval: 5000, recheck: 8000, timeout: 2000, inService: [] };
const START = 1_000_000;

/** A pair whose time and answers are given. */
class Rig {
  now = START;
  timing: Timing;
  pair: PairCheck;
  actions: OosAction[] = [];
  random = 0;

  constructor(given: { timing?: Partial<Timing>; incumbent?: MemberRole; roles?: readonly MemberRole[] } = {}) {
    this.timing = { ...TIMING, ...given.timing };
    this.pair = beginPair(given.roles ?? ['primary', 'backup'], given.incumbent, this.now, this.timing);
  }

  tell(event: OosEvent): this {
    const result = step(this.pair, event, this.now, this.timing, () => this.random);
    this.pair = result.pair;
    this.actions.push(...result.actions);
    return this;
  }

  up(role: MemberRole, status = 200): this {
    return this.tell({ kind: 'answered', role, status, rtt: 3 });
  }

  standby(role: MemberRole): this {
    return this.up(role, 503);
  }

  down(role: MemberRole): this {
    return this.tell({ kind: 'failed', role, reason: 'Timeout' });
  }

  request(role: MemberRole): this {
    return this.tell({ kind: 'request', role });
  }

  /** Time passes, with every timer due in it. */
  pass(ms: number): this {
    const end = this.now + ms;
    for (let at = nextStep(this.pair, this.timing); at <= end; at = nextStep(this.pair, this.timing)) {
      this.now = Math.max(this.now, at);
      this.tell({ kind: 'time' });
    }
    this.now = end;
    return this;
  }

  /** Actions since the last call, as text. */
  done(): string[] {
    const done = this.actions.map((action) =>
      action.kind === 'ping' ? `ping ${action.role}` : `${action.from} -> ${action.to}`,
    );
    this.actions = [];
    return done;
  }

  /** Primary active and pinged a while ago, backup with its port closed. */
  static settled(given: { timing?: Partial<Timing> } = {}): Rig {
    const rig = new Rig(given).pass(0).up('primary').down('backup').pass(1000);
    rig.done();
    return rig;
  }
}

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

const events: fc.Arbitrary<OosEvent | number> = fc.oneof(
  fc
    .constantFrom<MemberRole>('primary', 'backup')
    .chain((role) =>
      fc.constantFrom<OosEvent>(
        { kind: 'answered', role, status: 200, rtt: 1 },
        { kind: 'answered', role, status: 503, rtt: 1 },
        { kind: 'failed', role, reason: 'Timeout' },
        { kind: 'request', role },
        { kind: 'transportError', role },
        { kind: 'hint' },
      ),
    ),
  fc.integer({ min: 0, max: 12_000 }),
);

describe('the oos-check, whatever happens', () => {
  it('is never in a phase that can’t take what it sees, and never keeps an active member known not to be in service', () => {
    const setting = fc.record({
      incumbent: fc.constantFrom<MemberRole | undefined>(undefined, 'primary', 'backup'),
      interval: fc.constantFrom(0, 1000, 5000),
      happened: fc.array(events, { maxLength: 60 }),
    });
    fc.assert(
      fc.property(setting, ({ incumbent, interval, happened }) => {
        const rig = new Rig({ timing: { interval }, ...(incumbent === undefined ? {} : { incumbent }) });
        let active = rig.pair.active;
        for (const event of happened) {
          if (typeof event === 'number') rig.pass(event);
          else rig.tell(event);
          const { pair } = rig;
          for (const action of rig.actions) {
            if (action.kind !== 'switch') continue;
            expect(action.from).to.equal(active);
            active = action.to;
          }
          rig.actions = [];
          expect(pair.active).to.equal(active);
          const member = pair.members.find(({ role }) => role === pair.active);
          if (interval > 0) expect(member?.state ?? 'none').to.be.oneOf(['InService', 'Unknown', 'none']);
          const anyInService = pair.members.some(({ state }) => state === 'InService');
          if (pair.active === 'none' && pair.phase !== 'Starting') expect(anyInService).to.equal(false);
          if (interval > 0)
            for (const { due } of pair.members) expect(due).to.be.at.most(rig.now + Math.max(interval, TIMING.recheck));
        }
      }),
    );
  });

  it('takes hints and requests in every phase', () => {
    for (const [phase, row] of Object.entries(oosCheck))
      expect(row, phase).to.include.keys('hint', 'requestFromOther', 'transportError');
  });
});

/** Members that answer after 1 ms, silently die or come up at given times; the longest time without an active one. */
function switchTime(died: number, promoted: number, random: number): number {
  const rig = Rig.settled({ timing: { interval: 2000, timeout: 1000 } });
  rig.random = random;
  rig.pass(5000);
  const begun = rig.now;
  const results: { at: number; event: OosEvent }[] = [];
  while (rig.now < begun + 20_000) {
    for (const action of rig.actions) {
      if (action.kind !== 'ping') continue;
      const { role } = action;
      const up = role === 'primary' ? rig.now < begun + died : rig.now >= begun + promoted;
      if (up) results.push({ at: rig.now + 1, event: { kind: 'answered', role, status: 200, rtt: 1 } });
      else if (role === 'primary')
        results.push({ at: rig.now + 1000, event: { kind: 'failed', role, reason: 'Timeout' } });
      else results.push({ at: rig.now + 1, event: { kind: 'failed', role, reason: 'ConnectionRefused' } });
    }
    rig.actions = [];
    const next = Math.min(nextStep(rig.pair, rig.timing), ...results.map(({ at }) => at));
    rig.now = Math.max(rig.now, next);
    rig.tell({ kind: 'time' });
    for (const result of results.filter(({ at }) => at <= rig.now)) {
      results.splice(results.indexOf(result), 1);
      rig.tell(result.event);
    }
    if (rig.pair.active === 'backup') return rig.now - begun;
  }
  return Number.POSITIVE_INFINITY;
}

describe('a switch', () => {
  it('takes at most interval + timeout, or 0.5 s from when the other first answers in service', () => {
    const setting = fc.record({
      died: fc.integer({ min: 0, max: 4000 }),
      promoted: fc.integer({ min: 0, max: 8000 }),
      random: fc.double({ min: 0, max: 0.99, noNaN: true }),
    });
    fc.assert(
      fc.property(setting, ({ died, promoted, random }) => {
        const after = switchTime(died, died + promoted, random);
        expect(after).to.be.at.most(Math.max(died + 3000, died + promoted + 500) + 2);
      }),
    );
  });
});
