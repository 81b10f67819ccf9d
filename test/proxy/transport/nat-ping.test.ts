import { expect } from 'chai';
import fc from 'fast-check';
import type { Binding } from '../../../proxy/store/records.ts';
import { dueBy, NatPings, needsNatPing } from '../../../proxy/transport/nat-ping.ts';

const NOW = 1_700_000_000_000;

function binding(changes: Partial<Binding> = {}): Binding {
  return {
    aor: 'alice@example.com',
    id: 'sip:alice@10.0.0.1',
    contact: 'sip:alice@10.0.0.1',
    q: 1000,
    transport: 'UDP',
    sourceAddress: '192.0.2.1',
    sourcePort: 1024,
    owner: 'p1',
    boot: 'b',
    flow: 0,
    expires: NOW + 3_600_000,
    stamp: { first: NOW, callId: 'c', cseq: 1, commit: NOW },
    ...changes,
  };
}

describe('keep-alives to phones behind NAT', () => {
  it('go to UDP bindings that this proxy owns', () => {
    expect(needsNatPing(binding(), 'p1', NOW)).to.equal(true);
  });

  it('go to nobody else: to other proxies\u2019, to those that need none, to streams, to what ended', () => {
    const { owner: _owner, ...reachable } = binding();
    for (const other of [
      binding({ owner: 'p2' }),
      reachable,
      binding({ transport: 'TCP' }),
      binding({ removed: true }),
      binding({ expires: NOW }),
    ]) {
      expect(needsNatPing(other, 'p1', NOW)).to.equal(false);
    }
  });

  it('are due evenly over the period', () => {
    expect([0, 5, 10, 15, 20, 30].map((elapsed) => dueBy(elapsed, 20, 4))).to.deep.equal([0, 1, 2, 3, 4, 4]);
    expect(dueBy(-1, 20, 4)).to.equal(0);
  });

  /** Pings by time, ms since the beginning. */
  function run(
    bindings: readonly Binding[],
    period: number,
    step: number,
    until: number,
  ): { at: number; port: number }[] {
    const sent: { at: number; port: number }[] = [];
    let at = 0;
    const pings = new NatPings({
      proxy: 'p1',
      bindings: () => bindings,
      count: () => bindings.length,
      ping: (_address, port) => sent.push({ at, port }),
    });
    for (; at <= until; at += step) pings.tick(NOW + at, period);
    return sent;
  }

  it('reach each once a period, at the same distance, never many at once', () => {
    const phones = Array.from({ length: 100 }, (_, port) => binding({ sourcePort: port + 1 }));
    const sent = run(phones, 25_000, 100, 75_000);
    expect(sent).to.have.lengthOf(300);
    for (const phone of phones) {
      const times = sent.filter(({ port }) => port === phone.sourcePort).map(({ at }) => at);
      expect([times[1], times[2]]).to.deep.equal([(times[0] ?? 0) + 25_000, (times[0] ?? 0) + 50_000]);
    }
    const perTick = Map.groupBy(sent, ({ at }) => at);
    expect(Math.max(...[...perTick.values()].map((pings) => pings.length))).to.be.at.most(1);
  });

  it('reach each once a period whatever the ticks are', () => {
    fc.assert(
      fc.property(fc.integer({ max: 50, min: 0 }), fc.integer({ min: 1, max: 400 }), (count, step) => {
        const phones = Array.from({ length: count }, (_, port) => binding({ sourcePort: port + 1 }));
        const sent = run(phones, 1_000, step, 999 + 2 * step);
        expect(new Set(sent.map(({ port }) => port)).size).to.equal(count);
      }),
    );
  });

  it('are not sent where they are turned off', () => {
    expect(run([binding()], 0, 100, 10_000)).to.deep.equal([]);
  });

  it('reach who registers in the middle of a round, in that round', () => {
    const known = new Map([[1, binding({ sourcePort: 1 })]]);
    const sent: number[] = [];
    const pings = new NatPings({
      proxy: 'p1',
      bindings: () => known.values(),
      count: () => known.size,
      ping: (_address, port) => sent.push(port),
    });
    pings.tick(NOW, 1_000);
    known.set(2, binding({ sourcePort: 2 }));
    pings.tick(NOW + 999, 1_000);
    pings.tick(NOW + 1_000, 1_000);
    expect(sent).to.deep.equal([1, 2]);
  });
});
