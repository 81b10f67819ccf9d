import type { Agent, Case } from './case.ts';
import { Linphone } from './linphone.ts';
import { DOMAIN, type Stage } from './stage.ts';

const REGISTERED = /moving from state \[\w+\] to \[LinphoneRegistrationOk\]/;

/** Three linphonecs that call each other, over one transport. */
export function linphones(transport: 'UDP' | 'TCP'): Agent {
  return {
    name: `linphone over ${transport}`,
    async begin(stage: Stage) {
      const suffix = transport.toLowerCase();
      const [b, c] = await Promise.all([
        Linphone.start(stage, { user: `lino-${suffix}`, transport, friend: `lina-${suffix}` }),
        Linphone.start(stage, { user: `lulu-${suffix}`, transport, maxCalls: 1 }),
      ]);
      await b.hasSaid(REGISTERED);
      // It subscribes as soon as it is registered, once
      const a = await Linphone.start(stage, { user: `lina-${suffix}`, transport, friend: b.user, watches: true });
      const all = [a, b, c];
      const step = (what: string, run: () => Promise<void>): Case => ({ agent: 'linphone-cli', transport, what, run });
      const dial = (from: Linphone, to: Linphone): void => from.type(`call sip:${to.user}@${DOMAIN}`);
      const next = (): void => {
        for (const one of all) one.forget();
      };
      const answered = async (from: Linphone, to: Linphone): Promise<void> => {
        dial(from, to);
        await to.callIs('IncomingReceived');
        to.type('answer');
        await Promise.all([from.callIs('StreamsRunning'), to.callIs('StreamsRunning')]);
      };
      const hungUp = async (by: Linphone, other: Linphone): Promise<void> => {
        by.type('terminate');
        await Promise.all([by.callIs('Released'), other.callIs('Released')]);
      };
      return {
        cases: [
          step('register, with digest authentication', async () => {
            await Promise.all(all.map(async (one) => one.says(REGISTERED)));
          }),
          step('SUBSCRIBE, NOTIFY (presence)', async () => {
            await a.hasSaid(/\nSUBSCRIBE [\s\S]*\nNOTIFY [\s\S]*Event: presence/);
          }),
          step('call, answer', async () => answered(a, b)),
          step('hold and resume (re-INVITE)', async () => {
            a.type('pause');
            await Promise.all([a.callIs('Paused'), b.callIs('PausedByRemote')]);
            next();
            a.type('resume');
            await Promise.all([a.callIs('StreamsRunning'), b.callIs('StreamsRunning')]);
          }),
          step('transfer (REFER, NOTIFY)', async () => {
            a.type(`transfer sip:${c.user}@${DOMAIN}`);
            await c.callIs('IncomingReceived');
            c.type('answer');
            await Promise.all([
              c.callIs('StreamsRunning'),
              a.says(/\nNOTIFY [\s\S]*SIP\/2\.0 200/),
              a.callIs('Released'),
            ]);
          }),
          step('busy (486)', async () => {
            dial(a, c);
            await a.says(/\nSIP\/2\.0 486 /);
            await a.callIs('Released');
          }),
          step('hang up', async () => hungUp(c, b)),
          step('cancel', async () => {
            dial(a, b);
            await b.callIs('IncomingReceived');
            await hungUp(a, b);
            await b.says(/SIP\/2\.0 487 /);
          }),
          step('MESSAGE', async () => {
            a.type(`chat sip:${b.user}@${DOMAIN} hello`);
            await b.says(/\nMESSAGE [\s\S]*hello/);
            await a.says(/SIP\/2\.0 20\d [\s\S]*CSeq: \d+ MESSAGE/);
          }),
        ],
        next,
        said: () => all.map(({ user, said }) => `--- ${user}\n${said}`).join('\n'),
        end: async () => void (await Promise.all(all.map((one) => one.end()))),
      };
    },
  };
}
