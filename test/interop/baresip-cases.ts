import { Baresip } from './baresip.ts';
import type { Agent, Case } from './case.ts';
import type { Stage } from './stage.ts';

/** Three baresips that call each other, over one transport. */
export function baresips(transport: 'UDP' | 'TCP' | 'TLS'): Agent {
  return {
    name: `baresip over ${transport}`,
    async begin(stage: Stage) {
      const suffix = transport.toLowerCase();
      const [a, b, c] = await Promise.all([
        Baresip.start(stage, { user: `anna-${suffix}`, transport, contact: `bert-${suffix}` }),
        Baresip.start(stage, { user: `bert-${suffix}`, transport }),
        Baresip.start(stage, { user: `carl-${suffix}`, transport }),
      ]);
      const all = [a, b, c];
      const agent = 'baresip';
      const step = (what: string, run: () => Promise<void>): Case => ({
        agent,
        transport,
        what,
        run: async () => {
          await run();
        },
      });
      const answered = async (from: Baresip, to: Baresip): Promise<void> => {
        from.dial(to.user);
        await to.rings();
        to.command('accept');
        await Promise.all([from.has('CALL_ESTABLISHED'), to.has('CALL_ESTABLISHED')]);
      };
      return {
        cases: [
          step('register, with digest authentication', async () => {
            await Promise.all(all.map((one) => one.says(/\[\d bindings?\]/)));
          }),
          step('call, answer', async () => answered(a, b)),
          step('hold and resume (re-INVITE)', async () => {
            a.command('hold');
            await b.says(/a=(sendonly|inactive)/);
            a.command('resume');
            await b.says(/a=sendrecv[\s\S]*SIP\/2\.0 200[\s\S]*\nACK /);
          }),
          step('transfer (REFER, NOTIFY)', async () => {
            a.command('transfer', `sip:${c.user}@sip.example.com`);
            await c.rings();
            c.command('accept');
            await Promise.all([b.has('CALL_ESTABLISHED'), c.has('CALL_ESTABLISHED'), a.says('\nNOTIFY ')]);
          }),
          step('hang up', async () => {
            c.command('hangup');
            await Promise.all([b.has('CALL_CLOSED'), c.has('CALL_CLOSED')]);
            a.command('hangup');
          }),
          step('cancel', async () => {
            a.dial(b.user);
            await b.rings();
            a.command('hangup');
            await b.has('CALL_CLOSED');
            await b.says('SIP/2.0 487 ');
          }),
          step('busy (486)', async () => {
            a.dial(b.user);
            await b.rings();
            b.command('hangup');
            await a.has('CALL_CLOSED');
            await a.says('SIP/2.0 486 ');
          }),
          step('MESSAGE', async () => {
            a.command('message', 'hello');
            await b.says('\nMESSAGE ');
            await a.says(/SIP\/2\.0 200 OK[\s\S]*CSeq: \d+ MESSAGE/);
          }),
          step('SUBSCRIBE, NOTIFY (presence)', async () => {
            b.command('presence_online');
            await a.says(/\nNOTIFY [\s\S]*Event: presence/);
          }),
        ],
        next: () => {
          for (const one of all) one.forget();
        },
        said: () => all.map(({ user, program }) => `--- ${user}\n${program.output}`).join('\n'),
        end: async () => void (await Promise.all(all.map((one) => one.end()))),
      };
    },
  };
}
