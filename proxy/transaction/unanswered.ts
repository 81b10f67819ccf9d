import type { Hop } from '../transport/hop.ts';
import type { ClientTransaction } from './client-transaction.ts';

/** How many addresses are kept that nothing is sent to now. */
const KEPT = 1000;

/**
 * Client transactions without a final response, by remote address: what a transport error concerns. A list through the
 * transactions themselves, so that adding and deleting allocate nothing and an error looks at one address only.
 */
export class Unanswered {
  /** The latest of each address. */
  readonly #latest = new Map<string, ClientTransaction | undefined>();

  add(transaction: ClientTransaction): void {
    const address = transaction.hop.address;
    const earlier = this.#latest.get(address);
    transaction.earlier = earlier;
    if (earlier !== undefined) earlier.later = transaction;
    this.#latest.set(address, transaction);
  }

  /** Nothing happens if it is not in here. */
  delete(transaction: ClientTransaction): void {
    const { earlier, later } = transaction;
    const address = transaction.hop.address;
    if (earlier !== undefined) earlier.later = later;
    if (later !== undefined) later.earlier = earlier;
    else if (this.#latest.get(address) === transaction) {
      // an address that has just been sent to is likely to be sent to again
      if (earlier === undefined && this.#latest.size > KEPT) this.#latest.delete(address);
      else this.#latest.set(address, earlier);
    }
    transaction.earlier = undefined;
    transaction.later = undefined;
  }

  /** How many addresses are kept: those that are waited for, and KEPT at most that are not. */
  get addresses(): number {
    return this.#latest.size;
  }

  /** Those that use `hop`, oldest first. */
  over(hop: Hop): ClientTransaction[] {
    const found: ClientTransaction[] = [];
    let transaction = this.#latest.get(hop.address);
    for (; transaction !== undefined; transaction = transaction.earlier) {
      if (uses(transaction.hop, hop)) found.push(transaction);
    }
    return found.toReversed();
  }
}

/** Whether what was sent to `hop` is lost if `failed` is: a hop without connection may have used any to its address. */
export function uses(hop: Hop, failed: Hop): boolean {
  if (hop === failed) return true;
  return (
    hop.address === failed.address &&
    hop.port === failed.port &&
    hop.transport === failed.transport &&
    (hop.connection === undefined || hop.connection === failed.connection)
  );
}
