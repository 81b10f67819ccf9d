import { expect } from 'chai';
import { CallTable, Segment } from '../../../proxy/store/calls.ts';
import type { CallRecord } from '../../../proxy/store/records.ts';
import { HOUR, MINUTE, NOW } from './records.ts';

describe('call table', () => {
  const call = (callId: string, part: Partial<CallRecord> = {}): CallRecord => ({
    ...{ callId, pair: 'ss1', proxy: 'p1', since: NOW, expires: NOW + HOUR },
    ...part,
  });
  const ended = (callId: string, part: Partial<CallRecord> = {}): CallRecord =>
    call(callId, { pair: '', proxy: '', ended: true, ...part });
  const segment = (key: string, origin = 0): Segment =>
    new Segment({ key, origin, proxy: 'p1', boot: 'b1', single: false, whole: true, at: NOW, held: true });

  it('knows which pair holds a call, the one chosen last', () => {
    const calls = new CallTable(10);
    calls.take(segment('1'), [call('a')]);
    calls.take(segment('2', 1), [call('a', { pair: 'ss2', since: NOW + 1 })]);
    expect(calls.begin(call('a'))).to.equal(false);
    expect(calls.get('a')?.pair).to.equal('ss2');
    expect(calls.homeOf('a')?.origin).to.equal(1);
    expect(calls.size).to.equal(1);
  });

  it('counts those that its own data centre routed last, too', () => {
    const calls = new CallTable(10);
    const counted = (): number[] => [calls.size, calls.here];
    calls.begin(call('a'));
    expect(counted()).to.deep.equal([1, 1]);
    calls.take(segment('1', 1), [call('b'), call('c')]);
    expect(counted()).to.deep.equal([3, 1]);
    calls.begin(call('b', { since: NOW + 1 }));
    expect(counted(), 'one routed anew here').to.deep.equal([3, 2]);
    calls.take(segment('2', 2), [call('a', { since: NOW + 1 })]);
    expect(counted(), 'one routed anew there').to.deep.equal([3, 1]);
    calls.take(segment('3', 0), [ended('b', { since: NOW + 1 }), ended('c')]);
    expect(counted(), 'two ended').to.deep.equal([1, 0]);
    calls.take(segment('4', 0), [call('c', { since: NOW + 2 })]);
    expect(counted(), 'one dialled again').to.deep.equal([2, 1]);
    for (let i = 0; i < 3; i++) calls.expire(NOW + 2 * HOUR);
    expect(counted(), 'all forgotten').to.deep.equal([0, 0]);
  });

  it('comes to one pair where two proxies routed a call at one time', () => {
    const versions = [call('a', { proxy: 'p1', pair: 'ss1' }), call('a', { proxy: 'p2', pair: 'ss2' })];
    const pairs = [versions, versions.toReversed()].map((order) => {
      const calls = new CallTable(10);
      order.forEach((version, i) => calls.take(segment(`${i}`), [version]));
      return calls.get('a')?.pair;
    });
    expect(pairs[0]).to.equal(pairs[1]);
  });

  it('shows no call that ended, whichever news of it comes first, and shows it when it is dialled again', () => {
    for (const order of [
      [call('a'), ended('a')],
      [ended('a'), call('a')],
    ]) {
      const calls = new CallTable(10);
      order.forEach((record, i) => calls.take(segment(`${i}`, i), [record]));
      expect(calls.get('a')).to.equal(undefined);
      expect(calls.size).to.equal(0);
      calls.take(segment('3'), [call('a', { since: NOW + 1 })]);
      expect(calls.size).to.equal(1);
    }
  });

  it('forgets at once a call that ends before anybody was told of it', () => {
    const calls = new CallTable(10);
    calls.begin(call('a'));
    expect(calls.end('a')).to.equal(false);
    expect([calls.size, calls.total]).to.deep.equal([0, 0]);
  });

  it('remembers that a call ended as long as any segment says that it began', () => {
    const calls = new CallTable(10);
    const [began, over] = [segment('1'), segment('2')];
    calls.take(began, [call('a')]);
    calls.take(over, [ended('a')]);
    expect([calls.needs(began, 0), calls.needs(over, 0)]).to.deep.equal([false, true]);
    calls.drop(0, '1');
    expect(calls.needs(over, 0)).to.equal(false);
    calls.drop(0, '2');
    expect(calls.total).to.equal(0);
  });

  it('needs a segment until another that says the same is in the store', () => {
    const calls = new CallTable(10);
    const [first, second] = [segment('1'), segment('2')];
    second.held = false;
    calls.take(first, [call('a')]);
    first.leaving = true;
    calls.take(second, [call('a')]);
    expect([calls.needs(first, 0), calls.needs(second, 0)]).to.deep.equal([true, true]);
    second.held = true;
    expect([calls.needs(first, 0), calls.needs(second, 0)]).to.deep.equal([false, true]);
    calls.drop(0, '2');
    expect([calls.get('a')?.pair, calls.needs(first, 0)]).to.deep.equal(['ss1', true]);
  });

  it('forgets calls at their end, and the oldest when there are too many', () => {
    const calls = new CallTable(2);
    calls.take(
      segment('1'),
      ['a', 'b', 'c'].map((id) => call(id)),
    );
    expect(calls.get('a')).to.equal(undefined);
    expect([calls.size, calls.evicted]).to.deep.equal([2, 1]);
    calls.expire(NOW + HOUR);
    expect(calls.size).to.equal(0);
  });

  it('drops what a list of the store no longer names, and keeps what a restored store lost for others to write', () => {
    for (const restored of [false, true]) {
      const calls = new CallTable(10);
      calls.take(segment('1', 1), [call('a')]);
      calls.listing(1);
      calls.loaded(1, restored, NOW);
      expect(calls.get('a') !== undefined).to.equal(restored);
      calls.expire(NOW + 3 * MINUTE);
      expect(calls.get('a')).to.equal(undefined);
    }
  });
});
