import { Baresip } from './baresip.ts';
import { Browser, type BrowserPhone } from './browser.ts';
import type { Agent, Case } from './case.ts';
import type { Stage } from './stage.ts';

/** Three pages that call each other, and a baresip whose presence one of them watches. */
export const browsers: Agent = {
  name: 'sip.js in Chromium',
  async begin(stage: Stage) {
    const browser = await Browser.start();
    const watched = await Baresip.start(stage, { user: 'bert-watched', transport: 'UDP' });
    const [a, b, c] = await Promise.all(['wanda', 'willy', 'wilma'].map(async (user) => browser.phone(stage, user)));
    if (a === undefined || b === undefined || c === undefined) throw new Error('a page is missing');
    const all = [a, b, c];
    const step = (what: string, run: () => Promise<void>): Case => ({
      agent: 'sip.js in Chromium',
      transport: 'WSS',
      what,
      run,
    });
    const rings = async (from: BrowserPhone, to: BrowserPhone): Promise<void> => {
      await from.does('dial', to.user);
      await to.says('# rings');
    };
    return {
      cases: [
        step('register, with digest authentication', async () => {
          await Promise.all(all.map(async (one) => one.says('# registered')));
        }),
        step('call, answer', async () => {
          await rings(a, b);
          await b.does('answer');
          await Promise.all([a.says('# Established'), b.says('# Established')]);
        }),
        step('hold and resume (re-INVITE)', async () => {
          await a.does('hold', true);
          await b.says(/\nINVITE [\s\S]*a=(sendonly|inactive)[\s\S]*\nACK /);
          await a.does('hold', false);
          await b.says(/a=(?:sendonly|inactive)[\s\S]*\nINVITE [\s\S]*a=sendrecv[\s\S]*\nACK /);
        }),
        step('transfer (REFER, NOTIFY)', async () => {
          await a.does('transfer', c.user);
          await c.says('# rings');
          await c.does('answer');
          await Promise.all([c.says('# Established'), a.says(/# notified SIP\/2\.0 200/)]);
        }),
        step('hang up', async () => {
          await c.does('hangUp');
          await Promise.all([b.says('# Terminated'), c.says('# Terminated')]);
          await a.does('hangUp');
        }),
        step('cancel', async () => {
          await rings(a, b);
          await a.does('hangUp');
          await b.says(/\nCANCEL [\s\S]*SIP\/2\.0 487 /);
          await a.says('# Terminated');
        }),
        step('busy (486)', async () => {
          await rings(a, b);
          await b.does('refuse');
          await a.says('SIP/2.0 486 ');
          await a.says('# Terminated');
        }),
        step('MESSAGE', async () => {
          await a.does('message', b.user, 'grüezi');
          await b.says('# message grüezi');
          await a.says(/SIP\/2\.0 200 OK[\s\S]*CSeq: \d+ MESSAGE/);
        }),
        step('SUBSCRIBE, NOTIFY (presence, of a baresip)', async () => {
          await watched.says(/\[\d bindings?\]/);
          await a.does('watch', watched.user);
          await a.says(/# notified [\s\S]*<presence/);
        }),
      ],
      next: () => {
        for (const one of all) one.forget();
      },
      said: () => all.map(({ user, said }) => `--- ${user}\n${said}`).join('\n'),
      end: async () => void (await Promise.all([browser.end(), watched.end()])),
    };
  },
};
