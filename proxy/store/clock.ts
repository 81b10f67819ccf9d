import type { Stamp } from './records.ts';

/** The furthest that others' clocks may pull ours ahead, ms: what is over it is one bad clock, not a fast one. */
const LEAD_LIMIT = 60_000;
/** A REGISTER is retransmitted for 32 s at most (RFC 3261 17.1.2.2): a lower CSeq later is a phone that started anew. */
const REORDER_WINDOW = 32_000;

/** The next reading after `reading`: a thousandth of a millisecond, exact in a double for some thousand years. */
function after(reading: number): number {
  return Math.round(reading * 1000 + 1) / 1000;
}

/**
 * A hybrid logical clock: follows the wall clock, never goes back, and is never behind a stamp it has seen, so that
 * what is done here after something was seen here has the greater stamp although the clocks differ.
 */
export class HybridClock {
  /** How often a stamp lay further ahead than is followed. */
  clamped = 0;
  #last = 0;

  /** A reading, greater than all before it, in ms since the epoch. `wall`: the wall clock now. */
  read(wall: number): number {
    // the wall clock itself may have been stepped back
    if (this.#last > wall + LEAD_LIMIT) this.#last = wall + LEAD_LIMIT;
    this.#last = Math.max(wall, after(this.#last));
    return this.#last;
  }

  /** Another clock's reading was seen. */
  observe(reading: number, wall: number): void {
    if (reading <= this.#last) return;
    if (reading > wall + LEAD_LIMIT) {
      this.clamped++;
      return;
    }
    this.#last = reading;
  }
}

/**
 * The stamp of a change by a REGISTER with this Call-ID and CSeq that arrived at `arrived`, over the version known of
 * the binding. One Call-ID keeps the clock of when it was first seen, so that within it the CSeq decides.
 */
export function nextStamp(
  known: Stamp | undefined,
  callId: string,
  cseq: number,
  arrived: number,
  clock: HybridClock,
  wall: number,
): Stamp {
  const commit = clock.read(wall);
  if (known === undefined) return { first: arrived, callId, cseq, commit };
  if (known.callId === callId) {
    const restarted = cseq < known.cseq && arrived - known.commit > REORDER_WINDOW;
    if (!restarted) return { first: known.first, callId, cseq, commit: Math.max(commit, after(known.commit)) };
    return { first: Math.max(arrived, after(known.first)), callId, cseq, commit };
  }
  // A first-seen clock that lies ahead of ours is a fast clock's, and not a REGISTER that overtook this one.
  const first = known.first > wall ? Math.max(arrived, after(known.first)) : arrived;
  return { first, callId, cseq, commit };
}

/**
 * Whether `stamp` is of a later REGISTER of the Call-ID than `other`, by CSeq: unless `other` came so long after it that
 * its phone had started anew, clocks that differ aside.
 */
export function isLaterOfCall(stamp: Stamp, other: Stamp): boolean {
  return stamp.callId === other.callId && stamp.cseq > other.cseq && other.commit - stamp.commit <= REORDER_WINDOW;
}
