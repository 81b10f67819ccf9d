import type { Message } from '../sip/message.ts';
import type { ClientOwner, ClientTransaction } from '../transaction/client-transaction.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import { forwardResponse } from './forward.ts';

/** Passes on what still comes after the 2xx to an INVITE (RFC 3261 16.7 step 5): another fork's, and the same again. */
export class FurtherSuccess implements ClientOwner {
  readonly lostVias: readonly string[] | undefined;
  readonly #server: ServerTransaction;
  constructor(server: ServerTransaction, lostVias: readonly string[] | undefined) {
    this.#server = server;
    this.lostVias = lostVias;
  }
  response(_transaction: ClientTransaction, message: Message): void {
    passSuccess(this.#server, forwardResponse(message, this.#server.hop), message.status);
  }
  timeout(): void {}
  unreachable(): void {}
}

/** RFC 3261 16.7 step 5: a 2xx to INVITE goes back whatever was sent before it, and when its transaction is gone, too. */
export function passSuccess(server: ServerTransaction, text: string, status: number): void {
  if (!server.respond(text, status)) server.sendBack(text);
}
