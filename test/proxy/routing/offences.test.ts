import { expect } from 'chai';
import { Offences } from '../../../proxy/routing/offences.ts';

const allowance = { burst: 3, perSecond: 2 };
const times = (count: number, note: () => boolean): number =>
  Array.from({ length: count }, note).filter(Boolean).length;

describe('the offences of a source', () => {
  it('are borne up to a burst, and then at a rate', () => {
    const offences = new Offences(allowance);
    expect(times(10, () => offences.note('192.0.2.1', 5060, 1_000))).to.equal(3);
    expect(offences.spent('192.0.2.1', 5060, 1_000)).to.equal(true);
    expect(times(10, () => offences.note('192.0.2.1', 5060, 2_000))).to.equal(2);
    expect(times(10, () => offences.note('192.0.2.1', 5060, 3_600_000))).to.equal(3);
  });

  it('are its own: another port of one address has a phone of its own behind it', () => {
    const offences = new Offences(allowance);
    times(10, () => offences.note('192.0.2.1', 5060, 1_000));
    expect(offences.spent('192.0.2.1', 5061, 1_000)).to.equal(false);
    expect(offences.note('192.0.2.1', 5061, 1_000)).to.equal(true);
  });

  it('are forgiven, never beyond the burst, and unknown sources take no room by it', () => {
    const offences = new Offences(allowance);
    times(3, () => offences.note('192.0.2.1', 5060, 1_000));
    offences.forgive('192.0.2.1', 5060, 1, 1_000);
    expect(times(10, () => offences.note('192.0.2.1', 5060, 1_000))).to.equal(1);
    offences.forgive('192.0.2.1', 5060, 100, 1_000);
    expect(times(10, () => offences.note('192.0.2.1', 5060, 1_000))).to.equal(3);
    offences.forgive('192.0.2.2', 5060, 1, 1_000);
    expect(offences.size).to.equal(1);
  });

  it('are remembered of a bounded number of sources, of those that offend longest', () => {
    const offences = new Offences(allowance, 100);
    times(3, () => offences.note('198.51.100.1', 5060, 1_000));
    for (let port = 1; port <= 10_000; port++) {
      offences.note('192.0.2.1', port, 1_000);
      if (port % 50 === 0) expect(offences.note('198.51.100.1', 5060, 1_000)).to.equal(false);
    }
    expect(offences.size).to.be.at.most(200);
  });
});
