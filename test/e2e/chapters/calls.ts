import { dataCentres, people } from '../places.ts';
import type { Stage } from '../stage.ts';

/** Everybody is let in, by a SIP Server of their data centre. */
export async function phonesRegister({ cast, story }: Stage): Promise<void> {
  await cast.phonesOpen();
  for (const dataCentre of dataCentres) {
    const answers = await cast.register(dataCentre, people[dataCentre]);
    const refused = Object.entries(answers).filter(([, status]) => status !== 200);
    if (refused.length > 0) throw new Error(`REGISTER in ${dataCentre}: ${JSON.stringify(refused)}`);
    story.tells(`${Object.keys(answers).join(', ')} registered in ${dataCentre}`);
  }
}

/** A call each way, held and taken back. */
export async function callsAcross({ cast, story }: Stage): Promise<void> {
  for (const [from, to] of [
    ['alice', 'bob'],
    ['dave', 'carol'],
  ] as const) {
    const answered = await cast.call(from, to);
    await cast.hold(from);
    const ended = await cast.hangUp(from);
    story.tells(`${from} calls ${to}: answered after ${answered} ms, held, taken back; BYE answered after ${ended} ms`);
  }
}
