import type { Message } from '../sip/message.ts';
import type { ClientOwner, ClientTransaction } from '../transaction/client-transaction.ts';

/** Which tries of one copy count: the present one, and at most one before it. What they lead to is for the copy to say. */
export abstract class Tries implements ClientOwner {
  protected current: ClientTransaction | undefined;
  /** The try before the pair switched, or before the proxy that it was handed to fell silent: it may still be answered. */
  protected earlier: ClientTransaction | undefined;

  abstract response(transaction: ClientTransaction, message: Message): void;
  abstract timeout(transaction: ClientTransaction): void;
  abstract unreachable(transaction: ClientTransaction): void;

  /** Not one that was given up. */
  protected isTry(transaction: ClientTransaction): boolean {
    return transaction === this.current || transaction === this.earlier;
  }

  protected get isSentTwice(): boolean {
    return this.earlier !== undefined;
  }

  /** The second try has failed, and the first one goes on. */
  protected backToEarlier(): void {
    this.current = this.earlier;
    this.earlier = undefined;
  }

  /** `reasonLines`: header lines that say why (RFC 3326). Of those that are answered this asks nothing. */
  protected cancelTries(reasonLines?: readonly string[]): void {
    this.current?.cancel(reasonLines);
    this.earlier?.cancel(reasonLines);
  }

  /** It counts no more, but for a 2xx to INVITE: that goes back whichever try it comes from (RFC 3261 16.7 step 5). */
  protected abandon(transaction: ClientTransaction | undefined): void {
    if (transaction === undefined) return;
    transaction.abandon();
    if (transaction.method === 'INVITE') transaction.owner = this;
  }

  /** An INVITE that was answered 100 would go on at its member: it is cancelled. */
  protected abandonAll(): void {
    for (const tried of [this.current, this.earlier]) {
      if (tried !== undefined && tried.lastStatus >= 100) tried.cancel();
      this.abandon(tried);
    }
    this.current = undefined;
    this.earlier = undefined;
  }
}

export function rings(transaction: ClientTransaction | undefined): boolean {
  return transaction !== undefined && transaction.lastStatus > 100 && transaction.lastStatus < 200;
}
