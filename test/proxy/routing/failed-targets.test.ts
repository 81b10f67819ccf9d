import { expect } from 'chai';
import { FailedTargets } from '../../../proxy/routing/failed-targets.ts';
import type { Hop, Transport } from '../../../proxy/transport/hop.ts';
import { LISTENER } from '../../builders.ts';

const to = (address: string, transport: Transport = 'UDP'): Hop => ({
  transport,
  address,
  port: 5060,
  listener: LISTENER,
});

describe('targets that failed', () => {
  const [a, b, c] = [to('198.51.100.1'), to('198.51.100.2'), to('198.51.100.3')];

  it('come after the others of their name for 30 s, and are never left out', () => {
    const failed = new FailedTargets();
    expect(failed.last([a, b, c], 0)).to.deep.equal([a, b, c]);
    failed.add(a, 0);
    expect(failed.last([a, b, c], 29_999)).to.deep.equal([b, c, a]);
    expect(failed.last([a, b, c], 30_000)).to.deep.equal([a, b, c]);
    expect(failed.size).to.equal(0);
    for (const hop of [c, a, b]) failed.add(hop, 40_000);
    expect(failed.last([a, b, c], 40_000)).to.deep.equal([a, b, c]);
  });

  it('are told apart by transport: what is refused by TCP may do by UDP', () => {
    const failed = new FailedTargets();
    const stream = to(a.address, 'TCP');
    failed.add(stream, 0);
    expect(failed.last([stream, a], 1)).to.deep.equal([a, stream]);
  });

  it('that asked for a time without requests get it, and five minutes at most', () => {
    const failed = new FailedTargets();
    failed.add(a, 0, 5_000);
    expect([failed.last([a, b], 4_999), failed.last([a, b], 5_000)]).to.deep.equal([
      [b, a],
      [a, b],
    ]);
    failed.add(a, 0, 86_400_000);
    expect([failed.last([a, b], 299_999), failed.last([a, b], 300_000)]).to.deep.equal([
      [b, a],
      [a, b],
    ]);
  });

  it('that fail meanwhile keep the longer of both times', () => {
    const failed = new FailedTargets();
    failed.add(a, 0, 120_000);
    failed.add(a, 1_000);
    expect(failed.last([a, b], 119_999)).to.deep.equal([b, a]);
    expect(failed.last([a, b], 120_000)).to.deep.equal([a, b]);
  });

  it('are news once', () => {
    const failed = new FailedTargets();
    expect([failed.add(a, 0), failed.add(a, 1_000), failed.add(b, 1_000), failed.add(a, 31_000)]).to.deep.equal([
      true,
      false,
      true,
      true,
    ]);
  });

  it('are no more than the limit: the one that failed longest ago is forgotten', () => {
    const failed = new FailedTargets(2);
    for (const hop of [a, b, a, c]) failed.add(hop, 0);
    expect(failed.size).to.equal(2);
    expect(failed.last([a, b, c], 1)).to.deep.equal([b, a, c]);
  });
});
