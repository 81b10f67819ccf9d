import { expect } from 'chai';
import fc from 'fast-check';
import { decodeCalls, encodeCalls } from '../../../proxy/store/call-segment.ts';
import type { CallRecord } from '../../../proxy/store/records.ts';
import { HOUR, NOW } from './records.ts';

describe('call segment', () => {
  const call = (callId: string, part: Partial<CallRecord> = {}): CallRecord => ({
    ...{ callId, pair: 'ss1', proxy: 'p1', since: NOW, expires: NOW + HOUR },
    ...part,
  });

  it('reads what it wrote, calls that began before those that ended', () => {
    const records = fc.array(
      fc.record({
        callId: fc.string({ unit: 'grapheme' }),
        pair: fc.constantFrom('ss1', 'ss2'),
        proxy: fc.constantFrom('p1', 'p2'),
        since: fc.integer({ min: NOW, max: NOW + HOUR }),
        expires: fc.constant(NOW + 2 * HOUR),
      }),
      { minLength: 1, maxLength: 20 },
    );
    fc.assert(
      fc.property(records, records, (began, over) => {
        const ended = over.map((record) => ({ ...record, pair: '', proxy: '', ended: true as const }));
        const { records: read, whole } = decodeCalls(encodeCalls([...began, ...ended])) ?? {};
        expect(read).to.deep.equal([...began, ...ended]);
        expect(whole).to.equal(true);
      }),
    );
  });

  it('takes some 60 bytes a call besides the Call-ID it can not do without', () => {
    const calls = Array.from({ length: 128 }, (_, i) => call(`${i}`.padStart(36, 'x'), { since: NOW + i * 7 }));
    expect(encodeCalls(calls).length / calls.length).to.be.within(50, 70);
  });

  it('shows that a newer release has more to say', () => {
    const value = JSON.parse(encodeCalls([call('a')])) as Record<string, unknown>;
    expect(decodeCalls(JSON.stringify({ ...value, z: [1] }))?.whole).to.equal(false);
  });

  it('reads nothing from what is no segment', () => {
    const good = JSON.parse(encodeCalls([call('a')])) as Record<string, unknown>;
    const bad = [
      { v: 9 },
      { t: 'x' },
      { n: [] },
      { n: 7 },
      { c: ['a'] },
      { c: [1, 0, 1, 0, 0] },
      { e: ['a', 'b', 'c'] },
    ];
    for (const part of bad)
      expect(decodeCalls(JSON.stringify({ ...good, ...part })), JSON.stringify(part)).to.equal(undefined);
    expect(decodeCalls('[]')).to.equal(undefined);
  });
});
