import { step, type OosAction, type OosEvent } from '../../../proxy/upstream/oos-check.ts';
import { beginPair, nextStep, type PairCheck, type Timing } from '../../../proxy/upstream/pair-check.ts';
import type { MemberRole } from '../../../proxy/store/records.ts';

export const TIMING: Timing = { interval: 5000, recheck: 8000, timeout: 2000, inService: [] };
const START = 1_000_000;

/** A pair whose time and answers are given. */
export class Rig {
  now = START;
  timing: Timing;
  pair: PairCheck;
  actions: OosAction[] = [];
  random = 0;

  constructor(given: { timing?: Partial<Timing>; incumbent?: MemberRole; roles?: readonly MemberRole[] } = {}) {
    this.timing = { ...TIMING, ...given.timing };
    this.pair = beginPair(given.roles ?? ['primary', 'backup'], given.incumbent, this.now, this.timing);
  }

  tell(event: OosEvent): this {
    const result = step(this.pair, event, this.now, this.timing, () => this.random);
    this.pair = result.pair;
    this.actions.push(...result.actions);
    return this;
  }

  up(role: MemberRole, status = 200): this {
    return this.tell({ kind: 'answered', role, status, rtt: 3 });
  }

  standby(role: MemberRole): this {
    return this.up(role, 503);
  }

  down(role: MemberRole): this {
    return this.tell({ kind: 'failed', role, reason: 'Timeout' });
  }

  request(role: MemberRole): this {
    return this.tell({ kind: 'request', role });
  }

  /** Time passes, with every timer due in it. */
  pass(ms: number): this {
    const end = this.now + ms;
    for (let at = nextStep(this.pair, this.timing); at <= end; at = nextStep(this.pair, this.timing)) {
      this.now = Math.max(this.now, at);
      this.tell({ kind: 'time' });
    }
    this.now = end;
    return this;
  }

  /** Actions since the last call, as text. */
  done(): string[] {
    const done = this.actions.map((action) =>
      action.kind === 'ping' ? `ping ${action.role}` : `${action.from} -> ${action.to}`,
    );
    this.actions = [];
    return done;
  }

  /** Primary active and pinged a while ago, backup with its port closed. */
  static settled(given: { timing?: Partial<Timing> } = {}): Rig {
    const rig = new Rig(given).pass(0).up('primary').down('backup').pass(1000);
    rig.done();
    return rig;
  }
}
