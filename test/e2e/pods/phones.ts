import { getServers } from 'node:dns';
import { Phone } from '../../peers/phone.ts';
import { SipRefusal } from '../../peers/sip-refusal.ts';
import { ownAddress, serve } from './agent.ts';
import { Load } from './load.ts';

/** Phones to be had, which answer whatever call comes. */
export interface PhonesOrder {
  readonly users: readonly string[];
  readonly domain: string;
  readonly password: string;
  /** Name of their outbound proxies. */
  readonly proxies: string;
  readonly transport: 'UDP' | 'TCP';
  /** Registration that they ask for, s. */
  readonly expires: number;
}

export interface CallOrder {
  readonly from: string;
  readonly to: string;
}

export interface LoadOrder {
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** Calls a second. */
  readonly rate: number;
  /** ms */
  readonly hold: number;
}

const phones = new Map<string, Phone>();
let load: Load | undefined;

/** A pod with phones at ports of its address. */
serve({
  opens: async ({ users, proxies, ...order }: PhonesOrder) => {
    const [dns = ''] = getServers();
    for (const user of users) {
      // On a busy machine a second of silence is no dead proxy.
      const patience = { invite: 4000, other: 8000 };
      const options = { ...order, patience, user, address: ownAddress(), proxy: proxies, dns: `${dns}:53` };
      phones.set(user, await Phone.start({ ...options, answering: 'automatically' }));
    }
  },
  /** The status each got. */
  register: async (users: readonly string[]) =>
    Object.fromEntries(await Promise.all(users.map(async (user) => [user, await registration(phone(user))] as const))),
  /** ms until it was answered; it stays up until `hangUp`. */
  call: async ({ from, to }: CallOrder) => {
    const began = performance.now();
    await phone(from).calls(to);
    return Math.round(performance.now() - began);
  },
  /** Puts the other side on hold and takes it back, in the newest call. */
  hold: async (user: string) => {
    const call = phone(user).had.at(-1);
    await call?.holds();
    await call?.resumes();
  },
  /** ms until the BYE of the newest call was answered. */
  hangUp: async (user: string) => {
    const began = performance.now();
    await phone(user).had.at(-1)?.hangsUp();
    return Math.round(performance.now() - began);
  },
  /** How many calls it has up. */
  up: (user: string) => phone(user).had.filter(({ isUp }) => isUp).length,
  startLoad: ({ from, to, rate, hold }: LoadOrder) => {
    load = new Load(from.map(phone), to, rate, hold);
  },
  load: () => load?.result,
  stopLoad: () => load?.stop(),
});

function phone(user: string): Phone {
  const found = phones.get(user);
  if (found === undefined) throw new Error(`there is no phone of ${user} here`);
  return found;
}

async function registration(of: Phone): Promise<number> {
  return of.registers().then(
    () => 200,
    (error: unknown) => {
      if (error instanceof SipRefusal) return error.status;
      throw error;
    },
  );
}
