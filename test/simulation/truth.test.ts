import { expect } from 'chai';
import { Truth } from './truth.ts';

const CONTACT = 'sip:anna@192.0.2.1:5060';
const P1 = { proxy: 'p1', run: 'p1-boot1' };

/** A REGISTER that came to a proxy at `came` and of which that was told at `told`, ms. */
function registered(
  truth: Truth,
  callId: string,
  cseq: number,
  { came, told, expires = 60, by = P1 }: { came: number; told: number; expires?: number; by?: typeof P1 },
): void {
  truth.asked('anna', CONTACT, callId, cseq, expires);
  truth.granted('anna', CONTACT, callId, cseq, expires);
  truth.came(callId, cseq, by.run, came);
  truth.told(callId, cseq, by, told);
}

describe('what phones and servers of a simulated cluster agreed on', () => {
  it('is what came last of several Call-IDs, though a member that was stopped answers an older one after it', () => {
    const truth = new Truth();
    registered(truth, 'before-reboot', 3, { came: 1000, told: 1100 });
    registered(truth, 'after-reboot', 1, { came: 20_000, told: 20_100, expires: 0 });
    truth.told('before-reboot', 3, P1, 31_000);
    expect(truth.latest(CONTACT)).to.include({ callId: 'after-reboot', expires: 0 });
  });

  it('is what came last to a proxy that was stopped meanwhile, though its phone was started again before', () => {
    const truth = new Truth();
    truth.asked('anna', CONTACT, 'before-reboot', 3, 60);
    registered(truth, 'after-reboot', 1, { came: 20_000, told: 20_100, by: { proxy: 'p2', run: 'p2-boot1' } });
    truth.came('before-reboot', 3, P1.run, 25_000);
    truth.told('before-reboot', 3, P1, 25_100);
    expect(truth.latest(CONTACT)).to.include({ callId: 'before-reboot' });
  });

  it('lasts from when the REGISTER came, and anew where it is sent again to a proxy that was started again', () => {
    const truth = new Truth();
    registered(truth, 'a', 1, { came: 1000, told: 6000 });
    expect(truth.endOf('a', 1)).to.equal(61_000);
    truth.came('a', 1, P1.run, 3000);
    truth.told('a', 1, P1, 7000);
    expect(truth.endOf('a', 1)).to.equal(61_000);
    const again = { proxy: 'p1', run: 'p1-boot2' };
    truth.came('a', 1, again.run, 9000);
    truth.told('a', 1, again, 9100);
    expect(truth.endOf('a', 1)).to.equal(69_000);
  });

  it('lasts from when the REGISTER came that was taken, not from when one like it was turned away', () => {
    const truth = new Truth();
    truth.asked('anna', CONTACT, 'a', 1, 60);
    truth.came('a', 1, P1.run, 1000);
    truth.refused('a', 1, P1.run);
    truth.came('a', 1, P1.run, 5000);
    truth.told('a', 1, P1, 5100);
    expect(truth.endOf('a', 1)).to.equal(65_000);
  });

  it('is nothing that only a proxy was told of which had been started anew since it asked', () => {
    const truth = new Truth();
    truth.asked('anna', CONTACT, 'a', 1, 60);
    truth.came('a', 1, P1.run, 1000);
    truth.told('a', 1, { proxy: 'p1', run: 'p1-boot2' }, 5000);
    expect(truth.latest(CONTACT)).to.equal(undefined);
  });
});
