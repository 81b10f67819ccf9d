import { expect } from 'chai';
import { CallTable } from '../../../proxy/store/calls.ts';
import type { CallRecord } from '../../../proxy/store/records.ts';
import { HOUR, NOW } from './records.ts';

describe('call table', () => {
  const call = (callId: string, part: Partial<CallRecord> = {}): CallRecord => ({
    callId,
    pair: 'ss1',
    proxy: 'p1',
    since: NOW,
    expires: NOW + HOUR,
    ...part,
  });

  it('knows which pair holds a call, the one chosen last', () => {
    const calls = new CallTable(10);
    calls.take(call('a'), 0, false);
    calls.take(call('a', { pair: 'ss2', since: NOW + 1 }), 1, true);
    expect(calls.take(call('a'), 0, true)).to.equal(false);
    expect(calls.get('a')?.pair).to.equal('ss2');
    expect(calls.originOf('a')).to.equal(1);
    expect(calls.size).to.equal(1);
  });

  it('comes to one pair where two proxies routed a call at one time', () => {
    const versions = [call('a', { proxy: 'p1', pair: 'ss1' }), call('a', { proxy: 'p2', pair: 'ss2' })];
    const pairs = [versions, versions.toReversed()].map((order) => {
      const calls = new CallTable(10);
      for (const version of order) calls.take(version, 0, true);
      return calls.get('a')?.pair;
    });
    expect(pairs[0]).to.equal(pairs[1]);
  });

  it('shows no call that ended elsewhere, also when news of it comes late', () => {
    const calls = new CallTable(10);
    calls.take(call('a', { ended: true }), 1, true);
    calls.take(call('a'), 0, true);
    expect(calls.get('a')).to.equal(undefined);
    expect(calls.size).to.equal(0);
  });

  it('forgets calls at their end, and the oldest when there are too many', () => {
    const calls = new CallTable(2);
    for (const id of ['a', 'b', 'c']) calls.take(call(id), 0, true);
    expect(calls.get('a')).to.equal(undefined);
    expect([calls.size, calls.evicted]).to.deep.equal([2, 1]);
    calls.expire(NOW + HOUR);
    expect(calls.size).to.equal(0);
  });

  it('knows what a store should hold and did not name', () => {
    const calls = new CallTable(10);
    for (const id of ['a', 'b']) calls.take(call(id), 0, true);
    calls.take(call('c'), 1, true);
    calls.listing(0);
    calls.take(call('b'), 0, true);
    expect([...calls.lacking(0)].map(({ callId }) => callId)).to.deep.equal(['a']);
  });
});
