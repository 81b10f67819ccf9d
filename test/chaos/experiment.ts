import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../peers/deadline.ts';
import type { Fault } from './fault.ts';
import { Load, type Attempt } from './load.ts';
import { phones } from './places.ts';
import type { World } from './world.ts';

/** Calls that are up when the fault comes. */
const HELD = 20;
/** An answer that takes longer was delayed by the fault, ms. */
const PROMPT = 900;

/** What one fault did to the calls and registrations of that time. */
export interface Outcome {
  /** Those held all the time, and those that were set up meanwhile. */
  readonly callsUp: number;
  readonly callsLost: number;
  readonly setups: number;
  /** Of these, begun before the proxies had switched or the bound was over. */
  readonly setupsLost: number;
  /** Begun after that: none of these may be. */
  readonly setupsLostLate: number;
  readonly registersLost: number;
  readonly registrationsLost: number;
  /** ms until the proxies had switched; undefined where there is nothing to switch. */
  readonly switched: number | undefined;
  /** ms from the fault to the begin of the last attempt that failed or was delayed. */
  readonly disturbed: number;
  /** What was promised and is not so. */
  readonly broken: readonly string[];
  /** What became of each attempt that failed. */
  readonly failures: readonly string[];
}

/** Inflicts the fault on a world that is whole and in use, heals it, and says what it cost. */
export async function experiment(world: World, fault: Fault): Promise<Outcome> {
  await fault.prepare?.(world);
  const load = new Load(world.phones);
  await load.holds(HELD);
  load.begins();
  await sleep(2000);

  const at = performance.now();
  const since = (): number => performance.now() - at;
  await fault.inflict(world);
  const inside = load.held.filter(({ from, to }) => from === to);
  const using = load.uses(fault.parts === true ? inside : load.held.slice(0, HELD / 2));
  let switched: number | undefined;
  if (fault.switched !== undefined) {
    await eventually(40_000, `${fault.name}: the proxies switch`, async () => (await fault.switched?.(world)) === true);
    switched = since();
  }
  await sleep(fault.lasts);
  await fault.heal(world);
  const healed = since();
  await world.hasPairsInService();
  await sleep(2000);
  await load.ends();
  const used = await using;
  const callsLost = await load.hangsUp(load.held);
  const complaint = await fault.complaint?.(world);
  const registrationsLost = await missing(world);
  await fault.restore?.(world);
  await world.hasPairsInService();

  const failed = (what: Attempt['what']): Attempt[] =>
    load.attempts.filter((attempt) => attempt.what === what && attempt.failure !== undefined);
  const parted = (attempt: Attempt): boolean => fault.parts === true && attempt.at > at && attempt.at < at + healed;
  const lost = failed('call').filter((attempt) => !parted(attempt));
  const end = at + Math.max(switched ?? 0, fault.bound);
  const late = lost.filter((attempt) => attempt.at > end);
  const disturbed = load.attempts
    .filter((attempt) => attempt.at > at && !parted(attempt))
    .filter(({ failure, took }) => failure !== undefined || took > PROMPT)
    .reduce((last, attempt) => Math.max(last, attempt.at - at), 0);
  const broken = [
    ...(complaint === undefined ? [] : [complaint]),
    ...(switched !== undefined && switched > fault.bound
      ? [`switched after ${Math.round(switched)} ms, promised are ${fault.bound} ms`]
      : []),
  ];
  const failures = load.attempts
    .filter((attempt) => attempt.failure !== undefined && !parted(attempt))
    .map(({ what, at: began, failure }) => `${what} begun at ${Math.round(began - at)} ms: ${failure}`);
  const calls = load.attempts.filter(({ what }) => what === 'call');
  const hangUps = failed('hang-up').filter((attempt) => !parted(attempt));
  return {
    callsUp: HELD + calls.filter(({ failure }) => failure === undefined).length,
    callsLost: callsLost + ((fault.parts === true ? inside.length : HELD / 2) - used) + hangUps.length,
    setups: calls.length,
    setupsLost: lost.length - late.length,
    setupsLostLate: late.length,
    registersLost: failed('register').filter((attempt) => !parted(attempt)).length,
    registrationsLost,
    switched,
    disturbed,
    broken,
    failures,
  };
}

/** How many phones' registrations some proxy does not hold, 10 s after everything was healed. */
async function missing(world: World): Promise<number> {
  let least = phones.length;
  const whole = async (): Promise<boolean> => {
    const known = await Promise.all(world.proxies.map((proxy) => proxy.users()));
    least = Math.min(...known.map((users) => phones.filter(({ name }) => users.has(name)).length));
    return least === phones.length;
  };
  await eventually(10_000, 'every proxy holds every registration', whole).catch(() => undefined);
  return phones.length - least;
}
