import type { MemberRole, MemberState } from '../store/records.ts';

/** What the oos-check goes by, from the configuration; ms. */
export interface Timing {
  /** 0: no pings. */
  readonly interval: number;
  readonly recheck: number;
  readonly timeout: number;
  /** Ranges of final status codes, ends included, that mean in service besides 2xx. */
  readonly inService: readonly (readonly [number, number])[];
}

/** What the oos-check knows of one member. */
export interface MemberCheck {
  readonly role: MemberRole;
  readonly state: MemberState;
  readonly reason: string;
  /** When the state last changed, ms since the epoch. */
  readonly since: number;
  /** Last and smoothed round trip, ms. */
  readonly rtt: number | undefined;
  readonly smoothedRtt: number | undefined;
  /** When it was pinged last and will be next, ms since the epoch. */
  readonly sent: number;
  readonly due: number;
  /** It lost its place by going Down … */
  readonly lost: boolean;
  /** … and was first heard of again then. */
  readonly returnedAt: number | undefined;
  /** Until when it can't claim back the place that the other claimed while it was in service itself, ms. */
  readonly yieldsUntil: number;
}

/** What the oos-check knows of one pair. */
export interface PairCheck {
  readonly phase: 'Starting' | 'Active' | 'Claimed' | 'NoneFast' | 'NoneSlow' | 'Unchecked';
  /** When the phase began. */
  readonly phaseSince: number;
  readonly active: MemberRole | 'none';
  /** Since when it is that one. */
  readonly since: number;
  /** Which one wins where both are in service and none is active yet. */
  readonly preferred: MemberRole;
  readonly members: readonly MemberCheck[];
}

/** How often both members are pinged when neither is in service, and for how long, ms. */
const FAST = 500;
export const FAST_FOR = 30_000;
/** Pings "at once" keep this distance from the one before: a busy pair sends hundreds of requests a second. */
const SPACING = 100;
/** The least time for which a member that went Down is held back, ms. */
const DAMPING = 10_000;
/** Of two members that both answer and both send requests, one has the pair for so long at least, ms. */
const CONTEST = 5_000;

/**
 * A pair as this proxy first sees it.
 * @param incumbent what most live proxies of the geo-location publish; undefined: none does
 */
export function beginPair(
  roles: readonly MemberRole[],
  incumbent: MemberRole | undefined,
  now: number,
  timing: Timing,
): PairCheck {
  const first = roles[0] ?? 'primary';
  const known = incumbent !== undefined && roles.includes(incumbent) ? incumbent : undefined;
  const off = timing.interval === 0;
  const active = known ?? (off ? first : 'none');
  return {
    phase: off ? 'Unchecked' : known === undefined ? 'Starting' : 'Active',
    phaseSince: now,
    active,
    since: now,
    preferred: first,
    members: roles.map((role) => {
      const member = beginMember(role, now, timing);
      // the one that others don't have may have lost its place before this proxy was there to see it
      return known === undefined || role === known ? member : { ...member, lost: true };
    }),
  };
}

export function beginMember(role: MemberRole, now: number, timing: Timing): MemberCheck {
  const off = timing.interval === 0;
  return {
    role,
    state: 'Unknown',
    reason: off ? 'NotChecked' : 'NotAnsweredYet',
    since: now,
    rtt: undefined,
    smoothedRtt: undefined,
    sent: Number.NEGATIVE_INFINITY,
    due: off ? Number.POSITIVE_INFINITY : now,
    lost: false,
    returnedAt: undefined,
    yieldsUntil: 0,
  };
}

/** The same pair under a changed configuration: the incumbent stays. */
export function retimed(pair: PairCheck, now: number, timing: Timing): PairCheck {
  if (timing.interval === 0) {
    if (pair.phase === 'Unchecked') return pair;
    const active = pair.active === 'none' ? pair.preferred : pair.active;
    const members = pair.members.map((member) => beginMember(member.role, now, timing));
    return {
      ...pair,
      phase: 'Unchecked',
      phaseSince: now,
      active,
      since: active === pair.active ? pair.since : now,
      members,
    };
  }
  const phase = pair.phase === 'Unchecked' ? 'Active' : pair.phase;
  return { ...pair, phase, members: pair.members.map((member) => pingAtOnce(member, now)) };
}

export function memberOf(pair: PairCheck, role: MemberRole): MemberCheck {
  const member = pair.members.find((candidate) => candidate.role === role);
  if (member === undefined) throw new Error(`oos-check: the pair has no ${role}`);
  return member;
}

export function otherOf(pair: PairCheck, role: MemberRole): MemberCheck | undefined {
  return pair.members.find((member) => member.role !== role);
}

export function isIn(member: MemberCheck): boolean {
  return member.state === 'InService';
}

export function isDual(pair: PairCheck): boolean {
  return pair.members.length > 1 && pair.members.every(isIn);
}

/** A final answer to OPTIONS: 2xx or a configured code is in service, any other a member that stands by. */
export function answered(member: MemberCheck, status: number, rtt: number, now: number, timing: Timing): MemberCheck {
  const inService =
    (status >= 200 && status < 300) || timing.inService.some(([from, to]) => status >= from && status <= to);
  const smoothedRtt = member.smoothedRtt === undefined ? rtt : member.smoothedRtt * 0.875 + rtt * 0.125; // as RFC 6298's SRTT
  const reason = inService && status < 300 ? 'OptionsAnswered' : `Answered${status}`;
  return { ...inState(member, inService ? 'InService' : 'Standby', reason, now), rtt, smoothedRtt };
}

export function failed(member: MemberCheck, reason: string, now: number): MemberCheck {
  return { ...inState(member, 'Down', reason, now), rtt: undefined, smoothedRtt: undefined, returnedAt: undefined };
}

/** Without pings nothing is known of a member. */
export function unchecked(member: MemberCheck, now: number): MemberCheck {
  return { ...inState(member, 'Unknown', 'NotChecked', now), lost: false, returnedAt: undefined };
}

function inState(member: MemberCheck, state: MemberState, reason: string, now: number): MemberCheck {
  return { ...member, state, reason, since: state === member.state ? member.since : now };
}

export function returned(member: MemberCheck, now: number): MemberCheck {
  return member.lost && member.returnedAt === undefined ? { ...member, returnedAt: now } : member;
}

/**
 * Whether a member that lost its place by going Down is still held back. Counted from its return, not from its loss:
 * a primary stopped for a minute resumes in the belief that it has its pair.
 */
export function isDamped(member: MemberCheck, now: number, timing: Timing): boolean {
  if (now < member.yieldsUntil) return true;
  if (!member.lost) return false;
  return member.returnedAt === undefined || now < member.returnedAt + Math.max(2 * timing.interval, DAMPING);
}

/** It loses its place to a claim of the other: of two primaries both would take it from one another without end. */
export function yielding(member: MemberCheck, now: number): MemberCheck {
  return { ...member, yieldsUntil: now + CONTEST };
}

export function pingAtOnce(member: MemberCheck, now: number): MemberCheck {
  return { ...member, due: Math.min(member.due, Math.max(now, member.sent + SPACING)) };
}

/**
 * When a member pinged now is pinged next. Jitter only shortens, by up to a tenth: N proxies don't ping as one, and the
 * longest time in which a dead member goes unnoticed stays interval + timeout.
 */
export function nextPing(phase: PairCheck['phase'], now: number, timing: Timing, random: () => number): number {
  const period = phase === 'NoneFast' ? FAST : phase === 'NoneSlow' ? timing.recheck : timing.interval;
  return phase === 'Unchecked' ? Number.POSITIVE_INFINITY : now + period * (1 - 0.1 * random());
}

/** Until when an answer in service fulfils a claim: the ping that it asked for is answered by then, or never. */
export function claimEnd(pair: PairCheck, timing: Timing): number {
  return pair.phaseSince + SPACING + timing.timeout;
}

/** When the pair must next be stepped with `time`. */
export function nextStep(pair: PairCheck, timing: Timing): number {
  let at = Number.POSITIVE_INFINITY;
  for (const member of pair.members) at = Math.min(at, member.due);
  if (pair.phase === 'Claimed') at = Math.min(at, claimEnd(pair, timing));
  if (pair.phase === 'NoneFast') at = Math.min(at, pair.phaseSince + FAST_FOR);
  return at;
}
