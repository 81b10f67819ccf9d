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
/** Registrations a second, at first and at least: where a proxy refuses some, all of the batch come again half as fast. */
const [FAST, SLOW] = [500, 7];
/** The share of connections that may end meanwhile; they count as failed. */
const LOST = 0.01;

/** A user for each phone, so that one that comes again is the same. */
const oneEach: Scenario = {
  open: (number, run, phone) => ({
    text: register(`p${phone.port}`, `${number}@${run}`, 1, phone, branch(run, number, 'r')),
    completedBy: '2xx',
  }),
};

/** Rejects if they do not get through. */
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
    let rate = FAST;
    const more = async (upTo: number): Promise<number> => {
      while (held < upTo) {
        const batch = Math.min(BATCH, upTo - held);
        await phones.open(batch);
        rate = await registered(load, at, phones, batch, rate);
        held += batch;
        if (phones.lost > LOST * count)
          throw new Error(`of ${held} connections over ${transport} ${phones.lost} ended`);
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

/** Registers all phones that were opened last; returns the rate at which they could. */
async function registered(
  load: Load,
  to: Listening,
  phones: StreamPhones,
  count: number,
  fastest: number,
): Promise<number> {
  let refusals: LoadResult['refused'] = {};
  for (let rate = fastest; rate >= SLOW; rate /= 2) {
    const window = (count * 1000) / rate;
    const { failed, refused } = await load.run({ scenario: oneEach, to, phones, rate, warm: 0, window });
    if (failed <= phones.lost) return rate;
    refusals = refused;
  }
  throw new Error(`not all of ${count} phones on streams can register; refused by status: ${JSON.stringify(refusals)}`);
}
