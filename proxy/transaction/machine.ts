/** Everything that can happen to a transaction. Small integers, so that a compiled state's rules are an array. */
export const Event = {
  /** It has been created. */
  start: 0,
  /** 1xx: received by a client, given by the user to a server. */
  provisional: 1,
  /** 2xx */
  success: 2,
  /** 3xx to 6xx */
  failure: 3,
  /** The user of a non-INVITE server gives a 408. */
  requestTimeout: 4,
  /** The request came again. */
  request: 5,
  /** ACK for a 3xx to 6xx. */
  ack: 6,
  /** The owner wants the INVITE cancelled. */
  cancel: 7,
  /** The owner takes no more interest. */
  abandon: 8,
  /** The hop can't be reached. */
  transportError: 9,
  timerA: 10,
  timerB: 11,
  timerD: 12,
  timerE: 13,
  timerF: 14,
  timerG: 15,
  timerH: 16,
  timerI: 17,
  timerJ: 18,
  timerK: 19,
  timerL: 20,
  timerM: 21,
  /** 64*T1 since the INVITE was cancelled or abandoned. */
  waitOver: 22,
  /** A non-INVITE request has waited so long that its sender's Timer E has reached T2. */
  tryingDue: 23,
  /** 64*T1 since a non-INVITE request came: its sender's Timer F has fired. */
  tooLate: 24,
} as const;
type EventName = keyof typeof Event;
const NUMBERS: ReadonlyMap<string, number> = new Map(Object.entries(Event));

/** Events that bring something along: the response (client) or the text to send (server). */
type InputEvent = 'provisional' | 'success' | 'failure';

/** What a machine does on an event: the actions in order, in the state that follows. */
export interface Rule<Name extends string, Action> {
  /** undefined: stays where it is. */
  readonly next: Name | undefined;
  readonly actions: readonly Action[];
}

/**
 * A machine as it is written and drawn: its rules by state and event, the first state being the initial one. An event
 * without a rule is ignored in that state. Actions that call the user come last, because the user may call back.
 */
export type Table<Name extends string, T, Input> = {
  readonly [S in Name]: {
    readonly [E in EventName]?: Rule<
      Name,
      E extends InputEvent ? (transaction: T, input: Input) => void : (transaction: T) => void
    >;
  };
};

export function to<Name extends string, Action>(next: Name, ...actions: Action[]): Rule<Name, Action> {
  return { next, actions };
}

export function stay<Action>(...actions: Action[]): Rule<never, Action> {
  return { next: undefined, actions };
}

/**
 * An action as it is run. A method's type, whose parameters TypeScript compares both ways: `Table` has already made sure
 * that an action takes an input only where its event brings one.
 */
type RunAction<T, Input> = { run(transaction: T, input: Input | undefined): void }['run'];

interface CompiledRule<T, Input> {
  readonly next: State<T, Input>;
  readonly actions: readonly RunAction<T, Input>[];
}

/** A state as it is run: its rules by the event's number. */
export interface State<T, Input> {
  readonly name: string;
  /** Terminated: nothing can happen any more. */
  readonly terminal: boolean;
  readonly rules: (CompiledRule<T, Input> | undefined)[];
}

/** The initial state of the machine that `table` describes. */
export function compile<Name extends string, T, Input>(table: Table<Name, T, Input>): State<T, Input> {
  const states = new Map<string, State<T, Input>>();
  for (const name of Object.keys(table)) {
    const rules = Array.from<undefined>({ length: NUMBERS.size }).fill(undefined);
    states.set(name, { name, terminal: name === 'Terminated', rules });
  }
  for (const [name, rules] of Object.entries<Table<Name, T, Input>[Name]>(table)) {
    const state = named(states, name);
    for (const [event, rule] of Object.entries(rules)) {
      state.rules[named(NUMBERS, event)] = { next: named(states, rule.next ?? name), actions: rule.actions };
    }
  }
  const [initial] = states.values();
  if (initial === undefined) throw new RangeError('a machine needs a state');
  return initial;
}

function named<T>(things: ReadonlyMap<string, T>, name: string): T {
  const thing = things.get(name);
  if (thing === undefined) throw new RangeError(`a machine has no state or event ${name}`);
  return thing;
}

/** What `step` needs of a transaction. */
interface Stepping<T, Input> {
  state: State<T, Input>;
  /** It has come to Terminated. Called before the last actions, which may call the user. */
  ended(): void;
}

/** Runs `event` on `transaction`; false: ignored in its state. */
export function step<T extends Stepping<T, Input>, Input>(
  transaction: T,
  event: number,
  input: Input | undefined,
): boolean {
  const rule = transaction.state.rules[event];
  if (rule === undefined) return false;
  transaction.state = rule.next;
  if (rule.next.terminal) transaction.ended();
  const actions = rule.actions;
  for (let i = 0; i < actions.length; i++) actions[i]?.(transaction, input);
  return true;
}
