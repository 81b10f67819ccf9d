import type { OosCheckConfig } from '../config.ts';
import type { MemberRole, MemberState, PairHealth } from '../store/records.ts';
import { step, type OosEvent } from './oos-check.ts';
import { beginMember, beginPair, isDual, nextStep, retimed, type PairCheck } from './pair-check.ts';
import type { Member, Pair } from './pair.ts';

/** What a step asks of the edges. */
interface Outcome {
  /** Members to ping now. */
  readonly pings: readonly MemberRole[];
  /** Whether others should hear of it. */
  readonly changed: boolean;
}

/** One local pair under its oos-check. */
export class Checked {
  readonly pair: Pair;
  /** When it must be stepped again, ms since the epoch. */
  next: number;
  #check: PairCheck;
  #oosCheck: OosCheckConfig;

  constructor(pair: Pair, incumbent: MemberRole | undefined, oosCheck: OosCheckConfig, now: number) {
    this.pair = pair;
    this.#oosCheck = oosCheck;
    this.#check = beginPair(
      pair.members.map((member) => member.role),
      incumbent,
      now,
      oosCheck,
    );
    this.next = nextStep(this.#check, oosCheck);
  }

  stateOf(role: MemberRole): MemberState {
    return this.#check.members.find((member) => member.role === role)?.state ?? 'Unknown';
  }

  get active(): MemberRole | 'none' {
    return this.#check.active;
  }

  step(event: OosEvent, now: number, random: () => number): Outcome {
    const { pair, actions } = step(this.#check, event, now, this.#oosCheck, random);
    const pings: MemberRole[] = [];
    for (const action of actions) if (action.kind === 'ping') pings.push(action.role);
    return { pings, changed: this.#become(pair) };
  }

  /** Takes the pair's changed members and timing. @param moved members that are new, if with a role known before */
  reconfigure(oosCheck: OosCheckConfig, moved: ReadonlySet<Member>, now: number): Outcome {
    this.#oosCheck = oosCheck;
    const before = this.#check;
    const kept = before.members.filter(({ role }) => {
      const member = this.pair.member(role);
      return member !== undefined && !moved.has(member);
    });
    const roles = this.pair.members.map((member) => member.role);
    const members = roles.map(
      (role) => kept.find((member) => member.role === role) ?? beginMember(role, now, oosCheck),
    );
    const preferred = [before.active, before.preferred].find((role) => roles.some((known) => known === role));
    const begun = beginPair(roles, undefined, now, oosCheck);
    const activeGone = before.active !== 'none' && !kept.some((member) => member.role === before.active);
    const check = {
      ...(activeGone ? begun : before),
      // its successor has the first claim to the place of an active member that was replaced
      preferred: preferred === undefined || preferred === 'none' ? begun.preferred : preferred,
      members,
    };
    return { pings: [], changed: this.#become(retimed(check, now, oosCheck)) };
  }

  health(): PairHealth {
    const { active, since, members } = this.#check;
    return {
      name: this.pair.name,
      active,
      since,
      ...(isDual(this.#check) ? { dualPrimary: true as const } : {}),
      members: members.map(({ role, state, reason, since: stateSince, rtt, smoothedRtt }) => ({
        role,
        address: this.pair.member(role)?.label ?? '',
        state,
        reason,
        since: stateSince,
        ...(rtt === undefined ? {} : { rtt }),
        ...(smoothedRtt === undefined ? {} : { smoothedRtt }),
      })),
    };
  }

  #become(check: PairCheck): boolean {
    const before = this.#check;
    this.#check = check;
    this.next = nextStep(check, this.#oosCheck);
    return (
      before.active !== check.active ||
      before.members.length !== check.members.length ||
      check.members.some(
        (member, i) => member.state !== before.members[i]?.state || member.reason !== before.members[i]?.reason,
      )
    );
  }
}
