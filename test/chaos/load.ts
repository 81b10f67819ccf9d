import { setTimeout as sleep } from 'node:timers/promises';
import { within } from '../peers/deadline.ts';
import type { PhoneCall } from '../peers/phone-call.ts';
import type { Phone } from '../peers/phone.ts';
import type { Attempt } from './attempts.ts';
import { movers, phones, type DataCentre, type Place } from './places.ts';

/** Calls set up a second while the load runs, and REGISTERs that refresh. */
export const RATE = 10;
/** What a phone waits for an answer of its proxies before the person gives up, ms. */
const PATIENCE = 20_000;
/** How long a call is up that is set up meanwhile, ms. */
const TALK = 500;

export interface HeldCall {
  readonly caller: PhoneCall;
  readonly from: DataCentre;
  readonly to: DataCentre;
}

type Path = Pick<Attempt, 'from' | 'to'>;

/** No contact is ever taken again, so that an old one is never right. */
let contacts = 0;

/** Phones that call each other and register all the time, and what came of it. */
export class Load {
  readonly attempts: Attempt[] = [];
  readonly held: HeldCall[] = [];
  readonly #lost = new Set<HeldCall>();
  readonly #phones: ReadonlyMap<DataCentre, readonly Phone[]>;
  readonly #movers: ReadonlyMap<DataCentre, readonly Phone[]>;
  readonly #registering = new Set<Phone>();
  readonly #running = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #turn = 0;
  #halfRests = false;

  constructor(callers: readonly Phone[], moving: readonly Phone[]) {
    this.#phones = byDataCentre(callers, phones);
    this.#movers = byDataCentre(moving, movers);
  }

  /** How many of the held calls did not answer when they were used or hung up. */
  get heldLost(): number {
    return this.#lost.size;
  }

  /** Calls that stay up until they are ended: half of them across data centres. */
  async holds(count: number): Promise<void> {
    const made = Array.from({ length: count }, async (_, n) => {
      const from: DataCentre = n % 2 === 0 ? 'dc1' : 'dc2';
      const to: DataCentre = n % 4 < 2 ? from : other(from);
      const caller = await one(this.#phones, from, n).calls(one(this.#phones, to, n + 7).user);
      this.held.push({ caller, from, to });
    });
    await Promise.all(made);
  }

  begins(): void {
    this.#timer = setInterval(() => {
      const turn = this.#turn++;
      const here: DataCentre = turn % 2 === 0 ? 'dc1' : 'dc2';
      this.#calls(here, turn % 8 < 6 ? here : other(here), turn);
      const nth = Math.floor(turn / 2);
      if (this.#registers(nth))
        this.#register(one(this.#phones, other(here), nth), other(here), (phone) => phone.registers());
      if (turn % 2 === 0) this.#moves(nth % 2 === 0 ? 'dc1' : 'dc2', Math.floor(nth / 2));
    }, 1000 / RATE);
  }

  /**
   * From now on half of the phones register no more: whatever 200 they had last, nothing later stands in for it if it
   * was lost. The others go on.
   */
  restsHalf(): void {
    this.#halfRests = true;
  }

  /** Resolves when everything that it began has come to an end. */
  async ends(): Promise<void> {
    clearInterval(this.#timer);
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** Puts each of these calls on hold. */
  async uses(calls: readonly HeldCall[]): Promise<void> {
    await Promise.all(calls.map((call) => this.#uses(call, 'hold', call.caller.holds())));
  }

  /** Hangs each of these calls up. */
  async hangsUp(calls: readonly HeldCall[]): Promise<void> {
    await Promise.all(calls.map((call) => this.#uses(call, 'BYE', call.caller.hangsUp())));
  }

  async #uses(call: HeldCall, what: string, used: Promise<void>): Promise<void> {
    const attempt = await this.#note('held', call, within(PATIENCE, what, used));
    if (attempt.failure !== undefined) this.#lost.add(call);
  }

  #calls(from: DataCentre, to: DataCentre, turn: number): void {
    const path = { from, to };
    const called = one(this.#phones, from, turn).calls(one(this.#phones, to, turn + 3).user);
    this.#run(this.#note('call', path, called));
    const hangsUp = async (call: PhoneCall): Promise<void> => {
      await sleep(TALK);
      await this.#note('hang-up', path, call.hangsUp());
    };
    this.#run(called.then(hangsUp, () => undefined));
  }

  /** One changes its contact, the next removes its own or takes it again. */
  #moves(dataCentre: DataCentre, nth: number): void {
    if (!this.#registers(nth)) return;
    this.#register(one(this.#movers, dataCentre, nth), dataCentre, (phone) => {
      if (nth % 2 === 0) return phone.moves(`;line=${(contacts += 1)}`);
      return phone.isRegistered ? phone.unregisters() : phone.registers();
    });
  }

  /** Whether the nth phone of a data centre does not rest. */
  #registers(nth: number): boolean {
    return !this.#halfRests || nth % 4 >= 2;
  }

  #register(phone: Phone, dataCentre: DataCentre, run: (phone: Phone) => Promise<void>): void {
    // RFC 3261 10.2: no new one before the last is answered or timed out
    if (this.#registering.has(phone)) return;
    this.#registering.add(phone);
    const registered = run(phone).finally(() => this.#registering.delete(phone));
    this.#run(this.#note('register', { from: dataCentre, to: dataCentre }, registered));
  }

  #run(running: Promise<unknown>): void {
    const ended = running.then(() => void this.#running.delete(ended));
    this.#running.add(ended);
  }

  async #note(what: Attempt['what'], { from, to }: Path, tried: Promise<unknown>): Promise<Attempt> {
    const at = performance.now();
    const failure = await within(PATIENCE, what, tried).then(() => undefined, message);
    const attempt = { what, from, to, at, took: performance.now() - at, failure };
    this.attempts.push(attempt);
    return attempt;
  }
}

function other(dataCentre: DataCentre): DataCentre {
  return dataCentre === 'dc1' ? 'dc2' : 'dc1';
}

function one(all: ReadonlyMap<DataCentre, readonly Phone[]>, dataCentre: DataCentre, n: number): Phone {
  const here = all.get(dataCentre) ?? [];
  const phone = here[n % here.length];
  if (phone === undefined) throw new Error(`no phone ${n} in ${dataCentre}`);
  return phone;
}

function byDataCentre(all: readonly Phone[], places: readonly Place[]): ReadonlyMap<DataCentre, readonly Phone[]> {
  const where = new Map(places.map(({ name, dataCentre }) => [name, dataCentre]));
  return Map.groupBy(all, ({ user }) => where.get(user) ?? 'dc1');
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
