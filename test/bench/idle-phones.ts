import type { Listening, Running } from './contender.ts';
import type { Load, LoadResult } from './load.ts';
import { branch } from './message.ts';
import { register } from './scenarios/register.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { StreamPhones } from './streams.ts';

/** Registered phones whose connections a proxy holds. */
export interface IdlePhones {
  readonly phones: StreamPhones;
  /** What the proxy's memory grew by for each: its connection and its registration, bytes. */
  readonly bytesEach: number;
}

/** How many connect before they register: a proxy may end connections that bring no message. */
const BATCH = 200;
/** Registrations a second: where a proxy that has only just begun refuses some, all of the batch come again more slowly. */
const RATES = [500, 250, 125, 60, 30];

/** A user for each phone, so that one that comes again is the same. */
const oneEach: Scenario = {
  open: (number, run, phone) => ({
    text: register(`p${phone.port}`, `${number}@${run}`, 1, phone, branch(run, number, 'r')),
    completedBy: '2xx',
  }),
};

/** Rejects if one of them does not get through. */
export async function idlePhones(
  load: Load,
  at: Listening,
  stream: NonNullable<Listening['stream']>,
  count: number,
  running: Running,
): Promise<IdlePhones> {
  const { transport, ca } = stream;
  const phones = new StreamPhones({ transport, to: at, ca, received: (text) => load.receive(text) });
  try {
    let held = 0;
    const more = async (upTo: number): Promise<number> => {
      while (held < upTo) {
        const batch = Math.min(BATCH, upTo - held);
        await phones.open(batch);
        await registered(load, at, phones, batch);
        if (phones.lost > 0) throw new Error(`of ${held + batch} connections over ${transport} ${phones.lost} ended`);
        held += batch;
      }
      return running.memory();
    };
    // what the first ones take holds what is taken once
    const first = Math.ceil(count / 10);
    const before = await more(first);
    const after = await more(count);
    return { phones, bytesEach: (after - before) / (count - first) };
  } catch (error) {
    phones.close();
    throw error;
  }
}

/** All phones that were opened last. */
async function registered(load: Load, to: Listening, phones: StreamPhones, count: number): Promise<void> {
  let refusals: LoadResult['refused'] = {};
  for (const rate of RATES) {
    const window = (count * 1000) / rate;
    const { failed, refused } = await load.run({ scenario: oneEach, to, phones, rate, warm: 0, window });
    if (failed === 0) return;
    refusals = refused;
  }
  throw new Error(`not all of ${count} phones on streams can register; refused by status: ${JSON.stringify(refusals)}`);
}
