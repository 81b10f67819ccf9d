import { response } from '../sip/response.ts';
import { Event } from './machine.ts';
import type { ServerTransaction } from './server-transaction.ts';

/** Sends a response and keeps it to answer retransmitted requests. */
export function sendResponse(transaction: ServerTransaction, text: string): void {
  transaction.last = text;
  transaction.sendBack(text);
}

/** Sends a 2xx to an INVITE, which is sent again only by the one that made it (RFC 6026 6). */
export function passSuccess(transaction: ServerTransaction, text: string): void {
  transaction.last = '';
  transaction.sendBack(text);
}

export function resendResponse(transaction: ServerTransaction): void {
  if (transaction.last === '') return;
  transaction.setting.counts.resent++;
  transaction.sendBack(transaction.last);
}

export function sendTrying(transaction: ServerTransaction): void {
  sendResponse(transaction, response(transaction.request, 100, 'Trying'));
}

/** RFC 4320 4.1: due when the sender's Timer E has come to T2, that is after 500 + 1000 + 2000 ms. */
export function startTryingDue(transaction: ServerTransaction): void {
  const { t1, t2 } = transaction.setting;
  let due = 0;
  for (let interval = t1; interval < t2; interval *= 2) due += interval;
  transaction.once(Event.tryingDue, due);
}

/** When a proxy that handed something over hears that it has come, ms: some time before it takes another way. */
const SOON = 300;

/** For another proxy of the shard alone, which must tell a slow server from a dead proxy: RFC 4320 4.1 spares the others a 100 so early. */
export function hurryTrying(transaction: ServerTransaction): void {
  transaction.once(Event.tryingDue, SOON);
}

export function startTooLate(transaction: ServerTransaction): void {
  transaction.until(Event.tooLate, transaction.setting.now() + 64 * transaction.setting.t1);
}

export function startG(transaction: ServerTransaction): void {
  transaction.repeat(Event.timerG, transaction.setting.t1);
}

export function doubleG(transaction: ServerTransaction): void {
  transaction.repeat(Event.timerG, Math.min(transaction.interval * 2, transaction.setting.t2));
}

export function startH(transaction: ServerTransaction): void {
  transaction.until(Event.timerH, transaction.setting.now() + 64 * transaction.setting.t1);
}

export function startI(transaction: ServerTransaction): void {
  transaction.wait(Event.timerI, transaction.reliable ? 0 : transaction.setting.t4);
}

export function startJ(transaction: ServerTransaction): void {
  if (transaction.reliable) transaction.wait(Event.timerJ, 0);
  else transaction.linger(Event.timerJ);
}

/** RFC 6026 7.1: on every transport, since 2xx may come from several forks. */
export function startL(transaction: ServerTransaction): void {
  transaction.linger(Event.timerL);
}
