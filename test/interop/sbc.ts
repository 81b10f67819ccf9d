import { Baresip } from './baresip.ts';
import type { Agent, Case } from './case.ts';
import type { Stage } from './stage.ts';

/** A baresip behind a Kamailio that puts itself into the Path, and one that is not. */
export const sbc: Agent = {
  name: 'Kamailio as SBC',
  async begin(stage: Stage) {
    const transport = 'UDP';
    const inside = await Baresip.start(stage, { user: 'dora-sbc', transport, proxy: stage.sbcAddress });
    const outside = await Baresip.start(stage, { user: 'emil-sbc', transport });
    const all = [inside, outside];
    const step = (what: string, run: () => Promise<void>): Case => ({
      agent: 'Kamailio as SBC',
      transport,
      what,
      run: async () => {
        await run();
      },
    });
    const callAndHangUp = async (from: Baresip, to: Baresip): Promise<void> => {
      from.dial(to.user);
      await to.rings();
      to.command('accept');
      await Promise.all([from.has('CALL_ESTABLISHED'), to.has('CALL_ESTABLISHED')]);
      to.command('hangup');
      await Promise.all([from.has('CALL_CLOSED'), to.has('CALL_CLOSED')]);
    };
    return {
      cases: [
        step('register through it (Path, RFC 3327)', async () => {
          await Promise.all(all.map((one) => one.says(/\[\d bindings?\]/)));
        }),
        step('call to a phone behind it, hang up there', async () => callAndHangUp(outside, inside)),
        step('call from a phone behind it, hang up at the other end', async () => callAndHangUp(inside, outside)),
      ],
      next: () => {
        for (const one of all) one.forget();
      },
      said: () => all.map(({ user, program }) => `--- ${user}\n${program.output}`).join('\n'),
      end: async () => void (await Promise.all(all.map((one) => one.end()))),
    };
  },
};
