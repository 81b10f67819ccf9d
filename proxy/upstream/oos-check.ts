import type { MemberRole } from '../store/records.ts';
import {
  FAST_FOR,
  answered,
  claimEnd,
  failed,
  isDamped,
  isIn,
  memberOf,
  nextPing,
  otherOf,
  pingAtOnce,
  returned,
  unchecked,
  yielding,
  type MemberCheck,
  type PairCheck,
  type Timing,
} from './pair-check.ts';

/** What happened, as the edges tell it. `time`: nothing did, but timers may be due. */
export type OosEvent =
  | { readonly kind: 'answered'; readonly role: MemberRole; readonly status: number; readonly rtt: number }
  | { readonly kind: 'failed'; readonly role: MemberRole; readonly reason: string }
  | { readonly kind: 'request'; readonly role: MemberRole }
  | { readonly kind: 'transportError'; readonly role: MemberRole }
  | { readonly kind: 'hint' }
  | { readonly kind: 'time' };

/** What the edges are to do. */
export type OosAction =
  | { readonly kind: 'ping'; readonly role: MemberRole }
  | { readonly kind: 'switch'; readonly from: MemberRole | 'none'; readonly to: MemberRole | 'none' };

/** What an event means to a pair: the columns of the table. */
export type Seen =
  | 'awaited' // Starting: the member preferred has not answered yet
  | 'preferredInService'
  | 'activeInService'
  | 'activeLostOtherInService' // active gives Standby or Down
  | 'activeUnreachable' // Unchecked: traffic met a transport error
  | 'neitherInService'
  | 'otherInService'
  | 'otherInServiceDamped'
  | 'otherOut'
  | 'oneInService' // where there is no active member
  | 'noneInService'
  | 'requestFromActive'
  | 'requestFromOther'
  | 'transportError'
  | 'hint'
  | 'claimExpired'
  | 'fastPingsOver';

/** What the table may have done: names of functions on a draft of the pair. */
export type Deed = 'takeThatOne' | 'takeOther' | 'release' | 'prefer' | 'pingBoth';

interface Transition {
  readonly to: PairCheck['phase'];
  readonly deeds: readonly Deed[];
  /** Whether the phase begins anew, and its timer with it. */
  readonly enter: boolean;
}

function to(phase: PairCheck['phase'], ...deeds: Deed[]): Transition {
  return { to: phase, deeds, enter: true };
}

function stay(phase: PairCheck['phase'], ...deeds: Deed[]): Transition {
  return { to: phase, deeds, enter: false };
}

export type OosTable = Readonly<Record<PairCheck['phase'], Partial<Readonly<Record<Seen, Transition>>>>>;

/**
 * The oos-check of one pair. What a phase does not list can't be seen in it.
 * - Starting: nobody has told us which member is active; the preferred one's verdict is awaited.
 * - Active: a member is active.
 * - Claimed: the other one sent a request and becomes active if it answers in service.
 * - NoneFast, NoneSlow: neither is in service; pinged every 500 ms for 30 s, then at `recheck`.
 * - Unchecked: the interval is 0; only transport errors switch.
 */
export const oosCheck: OosTable = {
  Starting: {
    awaited: stay('Starting'),
    preferredInService: to('Active', 'takeThatOne'),
    oneInService: to('Active', 'takeThatOne'),
    noneInService: to('NoneFast', 'release', 'pingBoth'),
    requestFromOther: stay('Starting', 'prefer', 'pingBoth'),
    transportError: stay('Starting', 'pingBoth'),
    hint: stay('Starting', 'pingBoth'),
  },
  Active: {
    activeInService: stay('Active'),
    activeLostOtherInService: to('Active', 'takeOther'),
    neitherInService: to('NoneFast', 'release', 'pingBoth'),
    otherInService: stay('Active'),
    otherInServiceDamped: stay('Active'),
    otherOut: stay('Active'),
    requestFromActive: stay('Active'),
    requestFromOther: to('Claimed', 'pingBoth'),
    transportError: stay('Active', 'pingBoth'),
    hint: stay('Active', 'pingBoth'),
  },
  Claimed: {
    activeInService: stay('Claimed'),
    activeLostOtherInService: to('Active', 'takeOther'),
    neitherInService: to('NoneFast', 'release', 'pingBoth'),
    otherInService: to('Active', 'takeOther'),
    otherInServiceDamped: to('Active'),
    otherOut: stay('Claimed'),
    requestFromActive: stay('Claimed'),
    requestFromOther: to('Claimed', 'pingBoth'),
    transportError: stay('Claimed', 'pingBoth'),
    hint: stay('Claimed', 'pingBoth'),
    claimExpired: to('Active'),
  },
  NoneFast: {
    oneInService: to('Active', 'takeThatOne'),
    noneInService: stay('NoneFast'),
    requestFromOther: stay('NoneFast', 'pingBoth'),
    transportError: stay('NoneFast'),
    hint: stay('NoneFast', 'pingBoth'),
    fastPingsOver: to('NoneSlow'),
  },
  NoneSlow: {
    oneInService: to('Active', 'takeThatOne'),
    noneInService: stay('NoneSlow'),
    requestFromOther: stay('NoneSlow', 'pingBoth'),
    transportError: stay('NoneSlow'),
    hint: stay('NoneSlow', 'pingBoth'),
  },
  Unchecked: {
    activeUnreachable: stay('Unchecked', 'takeOther'),
    requestFromActive: stay('Unchecked'),
    requestFromOther: stay('Unchecked'),
    transportError: stay('Unchecked'),
    hint: stay('Unchecked'),
  },
};

/**
 * One step of a pair. Pure: `random` (0 to 1) jitters the next pings, `now` is ms since the epoch.
 * @returns the pair after it and what the edges are to do, in order.
 */
export function step(
  pair: PairCheck,
  event: OosEvent,
  now: number,
  timing: Timing,
  random: () => number,
): { pair: PairCheck; actions: readonly OosAction[] } {
  let after = noted(pair, event, now, timing);
  const seen = whatIsSeen(after, event, now, timing);
  if (seen !== undefined) {
    const transition = oosCheck[after.phase][seen];
    if (transition === undefined) throw new Error(`oos-check: ${seen} can't be seen in ${after.phase}`);
    for (const deed of transition.deeds) after = deeds[deed](after, event, now);
    if (transition.enter) after = { ...after, phase: transition.to, phaseSince: now };
  }
  const actions: OosAction[] = [];
  if (after.active !== pair.active) actions.push({ kind: 'switch', from: pair.active, to: after.active });
  const members = after.members.map((member) => {
    if (member.due > now) return member;
    actions.push({ kind: 'ping', role: member.role });
    return { ...member, sent: now, due: nextPing(after.phase, now, timing, random) };
  });
  return { pair: { ...after, members }, actions };
}

/** What the event says of its member, before anything follows from it. */
function noted(pair: PairCheck, event: OosEvent, now: number, timing: Timing): PairCheck {
  switch (event.kind) {
    case 'answered':
      return withMember(pair, event.role, (member) =>
        answered(returned(member, now), event.status, event.rtt, now, timing),
      );
    case 'failed':
      return withMember(pair, event.role, (member) => failed(member, event.reason, now));
    case 'transportError':
      // with pings on, the ping that follows says how the member is
      if (pair.phase !== 'Unchecked' || pair.members.length === 1 || event.role !== pair.active) return pair;
      return withMember(pair, event.role, (member) => failed(member, 'TransportError', now));
    default:
      return pair;
  }
}

function withMember(pair: PairCheck, role: MemberRole, change: (member: MemberCheck) => MemberCheck): PairCheck {
  return { ...pair, members: pair.members.map((member) => (member.role === role ? change(member) : member)) };
}

function whatIsSeen(pair: PairCheck, event: OosEvent, now: number, timing: Timing): Seen | undefined {
  switch (event.kind) {
    case 'hint':
      return 'hint';
    case 'request':
      return event.role === pair.active ? 'requestFromActive' : 'requestFromOther';
    case 'transportError':
      if (pair.phase === 'Unchecked' && event.role === pair.active && pair.members.length > 1)
        return 'activeUnreachable';
      return 'transportError';
    case 'time':
      if (pair.phase === 'NoneFast' && now >= pair.phaseSince + FAST_FOR) return 'fastPingsOver';
      if (pair.phase === 'Claimed' && now >= claimEnd(pair, timing)) return 'claimExpired';
      return undefined;
    default:
      return verdict(pair, event.role, now, timing);
  }
}

/** What the members' states mean once one of them has answered, or failed to. */
function verdict(pair: PairCheck, role: MemberRole, now: number, timing: Timing): Seen | undefined {
  if (pair.phase === 'Unchecked') return undefined; // a ping from before the interval became 0
  if (pair.phase === 'Starting') return startingVerdict(pair);
  if (pair.active === 'none') return pair.members.some(isIn) ? 'oneInService' : 'noneInService';
  const active = memberOf(pair, pair.active);
  const other = otherOf(pair, pair.active);
  if (role === pair.active) {
    if (isIn(active)) return 'activeInService';
    return other !== undefined && isIn(other) ? 'activeLostOtherInService' : 'neitherInService';
  }
  if (other === undefined || !isIn(other)) return 'otherOut';
  return isIn(active) && isDamped(other, now, timing) ? 'otherInServiceDamped' : 'otherInService';
}

/** The configured primary wins a draw, so its verdict is waited for; the backup's alone decides nothing. */
function startingVerdict(pair: PairCheck): Seen {
  const preferred = memberOf(pair, pair.preferred);
  const other = otherOf(pair, pair.preferred);
  if (isIn(preferred)) return 'preferredInService';
  if (preferred.state === 'Unknown') return 'awaited';
  if (other === undefined) return 'noneInService';
  if (isIn(other)) return 'oneInService';
  return other.state === 'Unknown' ? 'awaited' : 'noneInService';
}

const deeds: Readonly<Record<Deed, (pair: PairCheck, event: OosEvent, now: number) => PairCheck>> = {
  takeThatOne(pair, _event, now) {
    const preferred = memberOf(pair, pair.preferred);
    const one = isIn(preferred) ? preferred : otherOf(pair, pair.preferred);
    return one === undefined ? pair : take(pair, one.role, now);
  },
  takeOther(pair, _event, now) {
    const other = pair.active === 'none' ? undefined : otherOf(pair, pair.active);
    return other === undefined ? pair : take(pair, other.role, now);
  },
  release(pair, _event, now) {
    return pair.active === 'none' ? pair : take(pair, 'none', now);
  },
  prefer(pair, event) {
    return event.kind === 'request' ? { ...pair, preferred: event.role } : pair;
  },
  pingBoth(pair, _event, now) {
    return { ...pair, members: pair.members.map((member) => pingAtOnce(member, now)) };
  },
};

function taken(pair: PairCheck, member: MemberCheck, now: number): MemberCheck {
  return pair.phase === 'Unchecked'
    ? unchecked(member, now)
    : { ...member, lost: false, returnedAt: undefined, yieldsUntil: 0 };
}

/** The member that leaves by going Down is held back when it wants to return, and, less long, one that is in service. */
function take(pair: PairCheck, role: MemberRole | 'none', now: number): PairCheck {
  const members = pair.members.map((member) => {
    if (member.role === role) return taken(pair, member, now);
    if (member.role !== pair.active) return member;
    if (member.state === 'Down') return { ...member, lost: true, returnedAt: undefined };
    return isIn(member) ? yielding(member, now) : member;
  });
  return { ...pair, members, active: role, since: now };
}
