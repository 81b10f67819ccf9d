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

type Kind = keyof typeof KINDS;

interface KindOfStep {
  /** What makes sure that a proxy is ready. */
  readonly probe: Scenario;
  /** What is sent, once it is. */
  prepare(load: Load, to: Side): Scenario | Promise<Scenario>;
}

const KINDS = {
  call: { probe: calls, prepare: () => calls },
  dialog: { probe: calls, prepare: heldCalls },
  register: { probe: registrations, prepare: () => registrations },
  stored: { probe: registrations, prepare: () => registrations },
} as const satisfies Record<string, KindOfStep>;

export const ALL_STEPS = [
  'call@500',
  'call@1000',
  'call@2000',
  'dialog@2000',
  'register@1000',
  'register@2000',
  'register@4000',
  'stored@2000',
];
export const QUICK_STEPS = ['call@1000', 'register@2000'];

export function kindOf({ kind }: Step): KindOfStep {
  return KINDS[kind];
}

export function titleOf({ kind, rate }: Step): string {
  return `${kind} ${rate}/s`;
}

/** Throws what steps there are. */
export function parseStep(text: string): Step {
  const [kind = '', rate] = text.split('@');
  if (!Object.hasOwn(KINDS, kind) || !(Number(rate) > 0)) {
    const known = Object.keys(KINDS).map((name) => `${name}@RATE`);
    throw new Error(`no step "${text}": steps are ${known.join(', ')}`);
  }
  return { kind: kind as Kind, rate: Number(rate) };
}
