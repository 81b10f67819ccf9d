import type { Dialog } from '../dialog.ts';

/** A call that is up: enough for the other member to go on with it. */
export interface CallState {
  readonly id: string;
  /** The caller's leg, on which we are the UAS, and the callee's, on which we are the UAC. */
  readonly a: Dialog;
  readonly b: Dialog;
  /** CSeq of the caller's INVITE and the body its 200 had, should it come again. */
  readonly inviteCseq: number;
  readonly answer: string;
}

export interface NonceState {
  readonly nonce: string;
  /** ms since the epoch. */
  readonly issued: number;
  /** Greatest nonce count seen (RFC 7616 3.3). */
  readonly count: number;
}

export interface ContactState {
  /** Instance and reg-id, or the URI. */
  readonly id: string;
  readonly uri: string;
  readonly params: string;
  /** ms since the epoch. */
  readonly until: number;
}

/** What the active member tells its follower, one at a time. */
export type Change =
  | { readonly call: CallState }
  | { readonly over: string }
  | { readonly nonce: NonceState }
  | { readonly aor: string; readonly contacts: readonly ContactState[] };

const nonces = 20_000;

/** Everything the two members of a pair share. */
export class PairState {
  readonly calls = new Map<string, CallState>();
  readonly nonces = new Map<string, NonceState>();
  readonly contacts = new Map<string, readonly ContactState[]>();
  /** Told of every change made here. */
  publish: (change: Change) => void = () => undefined;

  change(change: Change): void {
    this.apply(change);
    this.publish(change);
  }

  apply(change: Change): void {
    if ('call' in change) {
      this.calls.set(change.call.id, change.call);
    } else if ('over' in change) {
      this.calls.delete(change.over);
    } else if ('nonce' in change) {
      this.nonces.set(change.nonce.nonce, change.nonce);
      const [oldest] = this.nonces.keys();
      if (this.nonces.size > nonces && oldest !== undefined) this.nonces.delete(oldest);
    } else if (change.contacts.length === 0) {
      this.contacts.delete(change.aor);
    } else {
      this.contacts.set(change.aor, change.contacts);
    }
  }

  /** As changes, for one that begins to follow. */
  snapshot(): Change[] {
    return [
      ...[...this.calls.values()].map((call) => ({ call })),
      ...[...this.nonces.values()].map((nonce) => ({ nonce })),
      ...[...this.contacts].map(([aor, contacts]) => ({ aor, contacts })),
    ];
  }

  clear(): void {
    this.calls.clear();
    this.nonces.clear();
    this.contacts.clear();
  }
}
