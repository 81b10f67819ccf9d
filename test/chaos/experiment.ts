import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../peers/deadline.ts';
import { judge } from './attempts.ts';
import type { Fault } from './fault.ts';
import { Load, RATE } from './load.ts';
import type { Outcome } from './outcome.ts';
import { wrong } from './registrations.ts';
import type { World } from './world.ts';

/** Calls that are up when the fault comes. */
const HELD = 20;

/** Inflicts the fault on a world that is whole and in use, heals it, and says what it cost. */
export async function experiment(world: World, fault: Fault): Promise<Outcome> {
  const parts = fault.parts === true;
  await fault.prepare?.(world);
  const load = new Load(world.phones, world.movers);
  await load.holds(HELD);
  load.begins();
  // at no certain moment of a set-up
  await sleep(2000 + Math.random() * (1000 / RATE));

  const at = performance.now();
  await fault.inflict(world);
  const inside = load.held.filter(({ from, to }) => from === to);
  const using = load.uses(parts ? inside : load.held.slice(0, HELD / 2));
  let switched: number | undefined;
  if (fault.switched !== undefined) {
    await eventually(40_000, `${fault.name}: the proxies switch`, async () => (await fault.switched?.(world)) === true);
    switched = performance.now() - at;
  }
  await sleep(fault.lasts);
  load.restsHalf();
  await fault.heal(world);
  const healed = performance.now();
  await world.hasPairsInService();
  await sleep(2000);
  await load.ends();
  await using;
  await load.hangsUp(load.held);
  const complaint = await fault.complaint?.(world);
  const wrongs = await wrongRegistrations(world, fault.skew ?? 0);
  await fault.restore?.(world);
  await world.hasPairsInService();

  const holds = fault.bound === undefined ? undefined : at + Math.max(switched ?? 0, fault.bound);
  const { calls, callsLost, failures, ...judgement } = judge(load.attempts, { at, healed, parts, holds });
  const after = switched ?? 0;
  return {
    ...judgement,
    callsUp: HELD + calls,
    callsLost: load.heldLost + callsLost,
    registrationsLost: wrongs.length,
    switched,
    broken: [
      ...(complaint === undefined ? [] : [complaint]),
      ...(after > (fault.bound ?? 0) ? [`switched after ${Math.round(after)} ms, promised are ${fault.bound} ms`] : []),
    ],
    failures: [...failures, ...wrongs],
  };
}

/** The phones of which some proxy does not hold what they were told last, 10 s after everything was healed. */
async function wrongRegistrations(world: World, skew: number): Promise<readonly string[]> {
  let wrongs: string[] = [];
  const none = async (): Promise<boolean> => {
    const replicas = await Promise.all(
      world.proxies.map(async (proxy) => ({ name: proxy.place.name, held: await proxy.registrations() })),
    );
    wrongs = [...world.phones, ...world.movers].flatMap(({ user, confirmed }) => {
      const reasons = replicas.flatMap(({ name, held }) => {
        const reason = wrong(held.get(user) ?? [], confirmed, skew);
        return reason === undefined ? [] : [`${name} ${reason}`];
      });
      return reasons.length === 0 ? [] : [`registration of ${user}: ${reasons.join('; ')}`];
    });
    return wrongs.length === 0;
  };
  await eventually(10_000, 'every proxy holds what every phone was told', none).catch(() => undefined);
  return wrongs;
}
