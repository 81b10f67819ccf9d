import type { Load } from './load.ts';
import type { Side } from './message.ts';
import { calls } from './scenarios/call.ts';
import { heldCalls } from './scenarios/held-calls.ts';
import { registrations } from './scenarios/register.ts';
import type { Scenario } from './scenarios/scenario.ts';

/** One thing that is measured. */
export interface Step {
  readonly kind: Kind;
  /** Exchanges a second. */
  readonly rate: number;
}

type Kind = 'call' | 'ceiling' | 'dialog' | 'register' | 'stored';

/** What a proxy is loaded with. */
export interface Setting {
  readonly scenario: Scenario;
}

interface KindOfStep {
  /** What makes sure that a proxy is ready. */
  readonly probe: Scenario;
  /** Of the proxies the rates are compared that they hold, not their CPU at one. */
  readonly isSearch?: boolean;
  prepare(load: Load, to: Side): Setting | Promise<Setting>;
}

/** Calls a second. */
const SEARCH_FROM = 1000;

const KINDS: Readonly<Record<Kind, KindOfStep>> = {
  call: { probe: calls, prepare: () => ({ scenario: calls }) },
  ceiling: { probe: calls, isSearch: true, prepare: () => ({ scenario: calls }) },
  dialog: { probe: calls, prepare: async (load, to) => ({ scenario: await heldCalls(load, to) }) },
  register: { probe: registrations, prepare: () => ({ scenario: registrations }) },
  stored: { probe: registrations, prepare: () => ({ scenario: registrations }) },
};

export const ALL_STEPS = [
  'call@500',
  'call@1000',
  'call@2000',
  'dialog@2000',
  'register@1000',
  'register@2000',
  'register@4000',
  'stored@2000',
  'ceiling',
];
export const QUICK_STEPS = ['call@1000', 'register@2000'];

export function kindOf({ kind }: Step): KindOfStep {
  return KINDS[kind];
}

export function titleOf({ kind, rate }: Step): string {
  return KINDS[kind].isSearch === true ? `${kind} of calls` : `${kind} ${rate}/s`;
}

/** Throws what steps there are. A search has the rate that it begins at, which may be left out. */
export function parseStep(text: string): Step {
  const [kind = '', written] = text.split('@');
  const known = KINDS as Readonly<Record<string, KindOfStep>>;
  const isSearch = Object.hasOwn(known, kind) && known[kind]?.isSearch === true;
  const rate = Number(written ?? (isSearch ? SEARCH_FROM : Number.NaN));
  if (!Object.hasOwn(known, kind) || !(rate > 0)) {
    const names = Object.entries(known).map(([name, { isSearch: isOne }]) => (isOne === true ? name : `${name}@RATE`));
    throw new Error(`no step "${text}": steps are ${names.join(', ')}`);
  }
  return { kind: kind as Kind, rate };
}
