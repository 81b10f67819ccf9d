import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../peers/deadline.ts';
import type { PhoneCall } from '../peers/phone-call.ts';
import type { Phone } from '../peers/phone.ts';
import { SipRefusal } from '../peers/sip-refusal.ts';
import { preciseNow } from '../peers/trace.ts';
import { eachOnce, ladder } from './ladder.ts';
import { intruder, nameOf, pairs, proxies } from './places.ts';
import { paint, type Story } from './story.ts';
import type { Tally } from './tally.ts';
import { isReady, statusOf, usersKnownTo } from './proxies.ts';
import type { World } from './world.ts';

/** A call that is up, as its two phones have it. */
export interface Talk {
  readonly caller: PhoneCall;
  readonly callee: PhoneCall;
}

/** The six whose shift has begun; grace and heidi come later. */
const early = ['alice', 'carol', 'erin', 'bob', 'dave', 'frank'];

/** Until the first pings are answered, a proxy knows no server to send to. */
export async function serversAreSeen(story: Story): Promise<void> {
  await Promise.all(
    proxies.map((proxy) =>
      eventually(10_000, `${proxy.name} finds its primaries`, async () => {
        const { pairs: seen } = await statusOf(proxy);
        return seen.length === pairs.length / 2 && seen.every(({ active }) => active === 'primary');
      }),
    ),
  );
  story.tells('each proxy has found the primaries of its data centre by OPTIONS');
}

export async function phonesRegister(world: World, story: Story): Promise<void> {
  await Promise.all(early.map((user) => world.phone(user).registers()));
  for (const user of early) {
    const { counter, registeredThrough } = world.phone(user);
    const challenged = counter.of('received 401 to REGISTER') === 1 ? '401, then 200' : '200';
    const through = nameOf(registeredThrough?.address ?? '');
    story.tells(`${user.padEnd(6)} REGISTER: ${challenged}, through ${through}`);
  }
  const status = await answerTo(world.phone(intruder.user).registers());
  if (status !== 403) throw new Error(`${intruder.user}'s wrong password was answered ${status}`);
  story.tells(`${intruder.user} has a wrong password: 403`);
  const known = await everyProxyKnows(early);
  const strangers = (await Promise.all(proxies.map(usersKnownTo))).flat().filter((user) => user === intruder.user);
  if (strangers.length > 0) throw new Error(`${intruder.user} was stored`);
  story.tells(`all four proxies hold these six registrations after ${known} ms, and nothing of ${intruder.user}`);
}

export async function firstCall(world: World, story: Story, tally: Tally): Promise<Talk> {
  const talk = await connects(world, tally, 'alice', 'bob', 200);
  await eventually(2000, 'the ACK arrives', () => world.phone('bob').counter.of('received ACK') > 0);
  story.tells('alice calls bob: he rings, he answers, they talk');
  const seen = world.trace.filter(({ what, fromUser, toUser }) => {
    const both = [fromUser, toUser].toSorted().join() === 'alice,bob';
    return both && !what.includes('REGISTER');
  });
  story.shows(['', ...ladder(eachOnce(seen), { nameOf, paint }), '']);
  return talk;
}

export async function primaryDies(world: World, story: Story, tally: Tally, { caller, callee }: Talk): Promise<void> {
  const invited = world.trace.find(
    ({ what, callId, to }) => what === 'INVITE' && callId === caller.callId && isServer(to),
  );
  const place = pairs.find(({ primary }) => invited?.to.startsWith(`${primary}:`));
  if (!place) throw new Error("no trace of alice's INVITE at a primary");
  const pair = world.pair(place.name);
  const began = preciseNow();
  await pair.primary.isKilled();
  story.says(`kill -9 of ${place.name}'s primary, which has alice's and bob's call`);
  await pair.backup.serves();
  story.tells(`its backup was promoted and serves after ${since(began)} ms`);
  const observers = proxies.filter(({ dataCentre }) => dataCentre === place.dataCentre);
  await Promise.all(
    observers.map(async (proxy) => {
      await eventually(15_000, `${proxy.name} switches to the backup`, async () => {
        const { pairs: seen } = await statusOf(proxy);
        return seen.some(({ name, active }) => name === place.name && active === 'backup');
      });
      story.tells(`${proxy.name} sends to the backup after ${since(began)} ms`);
    }),
  );
  tally.failovers.push({ what: `SIP Server ${place.name}`, ms: since(began) });
  await caller.holds();
  story.tells('alice puts bob on hold: her re-INVITE goes through the backup');
  if (callee.remoteDirection !== 'sendonly') throw new Error('bob was not put on hold');
  await callee.hangsUp();
  await caller.ended;
  story.tells('bob hangs up: his BYE is answered, and alice hears of it');
  await pair.primary.starts();
  await pair.primary.follows();
  story.tells('the old primary is started again, finds the other one active, and stands by');
}

export async function proxyDies(world: World, story: Story, tally: Tally): Promise<void> {
  const [first, ...others] = await Promise.all([
    connects(world, tally, 'carol', 'dave'),
    connects(world, tally, 'frank', 'erin'),
    connects(world, tally, 'alice', 'bob'),
  ]);
  story.tells('three more calls are up: carol with dave, frank with erin, alice with bob');
  const through = world.phone('carol').registeredThrough?.address;
  const victim = proxies.find(({ address }) => address === through);
  if (!victim) throw new Error('carol registered through no proxy');
  await world.site(victim.dataCentre).proxies.kill(victim);
  const began = preciseNow();
  story.says(`kill -9 of ${victim.name}, through which carol registered`);
  const before = world.trace.length;
  await Promise.all([first.caller.hangsUp(), ...others.map(({ callee }) => callee.hangsUp())]);
  await Promise.all([first.callee.ended, ...others.map(({ caller }) => caller.ended)]);
  const ms = since(began);
  tally.failovers.push({ what: victim.name, ms });
  const byes = world.trace.slice(before).filter(({ what, direction }) => what === 'BYE' && direction === 'received');
  const carriers = new Set(byes.filter(({ to }) => isServer(to)).map(({ from }) => nameOf(from)));
  if (carriers.has(victim.name)) throw new Error(`a BYE waited ${ms} ms until ${victim.name} was started again`);
  story.tells(
    `all hang up: every BYE is answered within ${ms} ms, by way of ${[...carriers].toSorted().join(' and ')}`,
  );
  const again = await connects(world, tally, 'dave', 'carol');
  story.tells('dave calls carol, who registered through the dead proxy: another one reaches her');
  await again.caller.hangsUp();
  await eventually(20_000, `${victim.name} is back`, () => isReady(victim));
  const held = await usersKnownTo(victim);
  story.tells(`${victim.name} was started again and holds all ${held.length} registrations after ${since(began)} ms`);
}

export async function linkIsCut(world: World, story: Story, tally: Tally): Promise<void> {
  const inside = [await connects(world, tally, 'alice', 'carol'), await connects(world, tally, 'bob', 'dave')];
  story.tells('alice talks with carol inside dc1, bob with dave inside dc2');
  await world.cutLink();
  story.says('the link between dc1 and dc2 is cut, for SIP and for etcd');
  await Promise.all(inside.map(({ caller }) => caller.holds()));
  const more = await Promise.all([connects(world, tally, 'erin', 'carol'), connects(world, tally, 'frank', 'dave')]);
  await Promise.all([...inside, ...more].map(({ callee }) => callee.hangsUp()));
  story.tells('calls inside each go on: two are held and end, two new ones are made and end');
  await Promise.all(['grace', 'heidi'].map((user) => world.phone(user).registers()));
  for (const place of proxies) {
    const stranger = place.dataCentre === 'dc1' ? 'heidi' : 'grace';
    if ((await usersKnownTo(place)).includes(stranger))
      throw new Error(`${place.name} knows ${stranger} through a cut link`);
  }
  story.tells('grace registers in dc1 and heidi in dc2; neither is known on the other side');
  const began = preciseNow();
  await world.mendLink();
  story.says('the link is back');
  const known = await everyProxyKnows([...early, 'grace', 'heidi'], began);
  story.tells(`all four proxies know grace and heidi after ${known} ms`);
  const across = await connects(world, tally, 'heidi', 'grace');
  await across.caller.hangsUp();
  story.tells('heidi calls grace across it, and hangs up');
}

/** A call from one to the other, answered after `ringsFor` ms; it counts. */
async function connects(world: World, tally: Tally, from: string, to: string, ringsFor = 0): Promise<Talk> {
  tally.made += 1;
  try {
    const answering = answersAfter(world.phone(to), ringsFor);
    const [caller, callee] = await Promise.all([world.phone(from).calls(to), answering]);
    return { caller, callee };
  } catch (error) {
    tally.losses.push(`${from} to ${to}: ${error instanceof Error ? error.message : String(error)}`);
    throw error;
  }
}

async function answersAfter(phone: Phone, ms: number): Promise<PhoneCall> {
  const call = await phone.isCalled();
  await sleep(ms);
  call.answers();
  return call;
}

/** ms until every proxy holds just these users' registrations. */
async function everyProxyKnows(users: readonly string[], began = preciseNow()): Promise<number> {
  const wanted = users.toSorted().join();
  await eventually(15_000, 'all proxies hold all registrations', async () => {
    const held = await Promise.all(proxies.map(usersKnownTo));
    return held.every((known) => known.join() === wanted);
  });
  return since(began);
}

function answerTo(registration: ReturnType<Phone['registers']>): Promise<number> {
  return registration.then(
    () => 200,
    (error: unknown) => (error instanceof SipRefusal ? error.status : 0),
  );
}

function isServer(address: string): boolean {
  return pairs.some(({ primary, backup }) => [primary, backup].some((ip) => address.startsWith(`${ip}:`)));
}

function since(began: number): number {
  return Math.round(preciseNow() - began);
}
