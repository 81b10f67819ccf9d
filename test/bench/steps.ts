import type { Load } from './load.ts';
import type { Side } from './message.ts';
import type { Phones } from './phones.ts';
import { calls } from './scenarios/call.ts';
import { contactCentre } from './scenarios/contact-centre.ts';
import { heldCalls } from './scenarios/held-calls.ts';
import { registrations } from './scenarios/register.ts';
import type { Scenario } from './scenarios/scenario.ts';

/** One thing that is measured. */
export interface Step {
  readonly kind: Kind;
  /** Exchanges a second. */
  readonly rate: number;
  /** How many phones have a connection, where they are on streams. */
  readonly connections?: number;
  /** How long its window is, where that is not everyone's. */
  readonly minutes?: number;
}

type Kind = 'call' | 'ceiling' | 'dialog' | 'mixed' | 'register' | 'soak' | 'stored' | 'tls' | 'wss';

/** What a proxy is loaded with. */
export interface Setting {
  readonly scenario: Scenario;
  readonly phones?: Phones | undefined;
}

interface KindOfStep {
  /** What makes sure that a proxy is ready. */
  readonly probe: Scenario;
  /** Of the proxies the rates are compared that they hold, not their CPU at one. */
  readonly isSearch?: boolean;
  /** What phones come by, if not UDP. */
  readonly transport?: 'TLS' | 'WSS';
  /** One round, of minutes, in which memory is watched. */
  readonly isLong?: boolean;
  /** Proxies run one at a time, started anew for each round. */
  readonly isAlone?: boolean;
  prepare(load: Load, to: Side): Setting | Promise<Setting>;
}

/** Calls a second. */
const SEARCH_FROM = 1000;

const KINDS: Readonly<Record<Kind, KindOfStep>> = {
  call: { probe: calls, prepare: () => ({ scenario: calls }) },
  ceiling: { probe: calls, isSearch: true, isAlone: true, prepare: () => ({ scenario: calls }) },
  dialog: { probe: calls, prepare: async (load, to) => ({ scenario: await heldCalls(load, to) }) },
  mixed: { probe: calls, prepare: () => ({ scenario: contactCentre() }) },
  register: { probe: registrations, prepare: () => ({ scenario: registrations }) },
  soak: { probe: calls, isLong: true, isAlone: true, prepare: () => ({ scenario: calls }) },
  stored: { probe: registrations, prepare: () => ({ scenario: registrations }) },
  // a process may often not have so many files open as connections to both would be
  tls: { probe: calls, transport: 'TLS', isAlone: true, prepare: () => ({ scenario: calls }) },
  wss: { probe: calls, transport: 'WSS', isAlone: true, prepare: () => ({ scenario: calls }) },
};

export const ALL_STEPS = [
  'call@500',
  'call@1000',
  'call@2000',
  'dialog@2000',
  'register@1000',
  'register@2000',
  'register@4000',
  'stored@1000',
  'stored@2000',
  'stored@4000',
  'tls@500',
  'wss@500',
  'mixed@1000',
  'ceiling',
];
export const QUICK_STEPS = ['call@1000', 'register@2000'];

export function kindOf({ kind }: Step): KindOfStep {
  return KINDS[kind];
}

export function titleOf({ kind, rate, connections, minutes }: Step): string {
  if (KINDS[kind].isSearch === true) return `${kind} of calls`;
  const more = connections === undefined ? '' : `, ${connections} connections`;
  return `${kind} ${rate}/s${more}${minutes === undefined ? '' : `, ${minutes} min`}`;
}

/** As the table has them: by kind, and then by rate. */
export function inOrder(a: Step, b: Step): number {
  const kinds = Object.keys(KINDS);
  return kinds.indexOf(a.kind) - kinds.indexOf(b.kind) || a.rate - b.rate;
}

/** Of those steps that have them: phones with a connection, and minutes that the window lasts. */
export interface Extent {
  readonly connections: number;
  readonly minutes: number;
}

/** Throws what steps there are. A search has the rate that it begins at, which may be left out. */
export function parseStep(text: string, { connections, minutes }: Extent): Step {
  const [kind = '', written] = text.split('@');
  const known: Readonly<Record<string, KindOfStep>> = KINDS;
  const found = Object.hasOwn(known, kind) ? known[kind] : undefined;
  const rate = Number(written ?? (found?.isSearch === true ? SEARCH_FROM : Number.NaN));
  if (found === undefined || !(rate > 0)) {
    const names = Object.entries(known).map(([name, { isSearch }]) => (isSearch === true ? name : `${name}@RATE`));
    throw new Error(`no step "${text}": steps are ${names.join(', ')}`);
  }
  return {
    kind: kind as Kind,
    rate,
    ...(found.transport !== undefined && { connections }),
    ...(found.isLong === true && { minutes }),
  };
}
