import { expect } from 'chai';
import * as fc from 'fast-check';
import { oosCheck, type OosEvent } from '../../../proxy/upstream/oos-check.ts';
import { nextStep } from '../../../proxy/upstream/pair-check.ts';
import type { MemberRole } from '../../../proxy/store/records.ts';
import { Rig, TIMING } from './oos-check-rig.ts';

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
