import { expect } from 'chai';
import fc from 'fast-check';
import { dueBy, NatPings, type NatSource } from '../../../proxy/transport/nat-ping.ts';

const NOW = 1_700_000_000_000;
const PHONE = '192.0.2.1';

describe('keep-alives to phones behind NAT', () => {
  it('are due evenly over the period', () => {
    expect([0, 5, 10, 15, 20, 30].map((elapsed) => dueBy(elapsed, 20, 4))).to.deep.equal([0, 1, 2, 3, 4, 4]);
    expect(dueBy(-1, 20, 4)).to.equal(0);
  });

  /** Pings by time, ms since the beginning, to phones told apart by their ports; undefined is none to be pinged. */
  function run(
    ports: readonly (number | undefined)[],
    period: number,
    step: number,
    until: number,
  ): { at: number; port: number }[] {
    const sent: { at: number; port: number }[] = [];
    let at = 0;
    const pings = new NatPings({
      end: () => ports.length,
      source: (row) => sourceOf(ports[row]),
      ping: (_address, port) => sent.push({ at, port }),
    });
    for (; at <= until; at += step) pings.tick(NOW + at, period);
    return sent;
  }

  it('reach each once a period, at the same distance, never many at once', () => {
    const phones = Array.from({ length: 100 }, (_, i) => i + 1);
    const sent = run(phones, 25_000, 100, 75_000);
    expect(sent).to.have.lengthOf(300);
    for (const phone of phones) {
      const times = sent.filter(({ port }) => port === phone).map(({ at }) => at);
      expect([times[1], times[2]]).to.deep.equal([(times[0] ?? 0) + 25_000, (times[0] ?? 0) + 50_000]);
    }
    const perTick = Map.groupBy(sent, ({ at }) => at);
    expect(Math.max(...[...perTick.values()].map((pings) => pings.length))).to.be.at.most(1);
  });

  it('reach each once a period whatever the ticks are', () => {
    fc.assert(
      fc.property(fc.integer({ max: 50, min: 0 }), fc.integer({ min: 1, max: 400 }), (count, step) => {
        const phones = Array.from({ length: count }, (_, i) => i + 1);
        const sent = run(phones, 1_000, step, 999 + 2 * step);
        expect(new Set(sent.map(({ port }) => port)).size).to.equal(count);
      }),
    );
  });

  it('go to nobody else', () => {
    expect(run([undefined, 1, undefined], 1_000, 100, 1_000).map(({ port }) => port)).to.deep.equal([1]);
  });

  it('are not sent where they are turned off', () => {
    expect(run([1], 0, 100, 10_000)).to.deep.equal([]);
  });

  it('reach who registers in the middle of a round, in that round', () => {
    const known = [1];
    const sent: number[] = [];
    const pings = new NatPings({
      end: () => known.length,
      source: (row) => sourceOf(known[row]),
      ping: (_address, port) => sent.push(port),
    });
    pings.tick(NOW, 1_000);
    known.push(2);
    pings.tick(NOW + 999, 1_000);
    pings.tick(NOW + 1_000, 1_000);
    expect(sent).to.deep.equal([1, 2]);
  });

  it('are not all made up for at once after a pause of the process', () => {
    const count = 50_000;
    const sent: number[] = [];
    const pings = new NatPings({
      end: () => count,
      source: (row) => sourceOf(row),
      ping: (_address, port) => sent.push(port),
    });
    pings.tick(NOW, 1_000);
    const each = [60_000, 60_010, 60_020].map((at) => {
      const before = sent.length;
      pings.tick(NOW + at, 1_000);
      return sent.length - before;
    });
    expect(each).to.deep.equal([20_000, 20_000, 10_000]);
  });
});

function sourceOf(port: number | undefined): NatSource | undefined {
  return port === undefined ? undefined : { address: PHONE, port };
}
