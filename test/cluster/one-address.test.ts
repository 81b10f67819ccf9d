import { expect } from 'chai';
import { eventually } from '../peers/deadline.ts';
import type { Phone } from '../peers/phone.ts';
import { Cast } from './cast.ts';

describe('data centres that reach each other at one address each', function () {
  this.timeout(20_000);

  for (const link of ['UDP', 'TLS'] as const) {
    describe(`over ${link}`, () => {
      let cast: Cast;
      beforeEach(async () => {
        cast = await Cast.assembles({ link });
      });
      afterEach(() => cast.leaves());

      const through = (index: number): string => `${cast.addressOf(cast.proxies[index])}:5060`;

      /** Alice by UDP in the first data centre; in the other one each proxy holds the connection of one of the others. */
      async function phones(): Promise<{ alice: Phone; there: Phone[] }> {
        const alice = await cast.phone('alice', { proxy: through(0) });
        const there = [
          await cast.phone('bob', { transport: 'TCP', proxy: through(2) }),
          await cast.phone('carol', { transport: 'TCP', proxy: through(3) }),
        ];
        for (const phone of [alice, ...there]) await phone.registers();
        await cast.isKnownEverywhere('carol');
        return { alice, there };
      }

      it('calls, holds and hangs up, whichever proxy gets what was meant for the other', async () => {
        const { alice, there } = await phones();
        for (const phone of there) {
          const before = cast.handedOver('dc2');
          const [call, answered] = await Promise.all([alice.calls(phone.user), phone.answers()]);
          const isHeldByFirst = phone.user === 'bob';
          expect(cast.handedOver('dc2') > before, `handed on to ${phone.user}`).to.equal(!isHeldByFirst);
          await call.holds();
          expect(answered.remoteDirection).to.equal('sendonly');
          await answered.resumes();
          await answered.hangsUp();
          expect(await call.ended).to.equal('there');
          const [back, at] = await Promise.all([phone.calls('alice'), alice.answers()]);
          await back.hangsUp();
          expect(await at.ended).to.equal('there');
        }
        const { front } = cast;
        expect([front?.datagrams, front?.connections].map((count) => (count ?? 0) > 0)).to.deep.equal(
          link === 'UDP' ? [true, false] : [false, true],
        );
        expect(front?.clear, 'nothing in the clear').to.equal(0);
      });

      it('gives up a call that rings', async () => {
        const { alice, there } = await phones();
        for (const phone of there) {
          const call = alice.dials(phone.user);
          const ringing = await phone.isCalled();
          await call.rings;
          await call.cancels();
          expect(await ringing.ended).to.equal('there');
        }
        await eventually(5000, 'both are refused', () => alice.counter.of('received 487 to INVITE') === 2);
      });
    });
  }
});
