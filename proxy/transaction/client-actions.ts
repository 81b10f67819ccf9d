import { ackFor } from '../sip/ack.ts';
import { type Message, parseMessage } from '../sip/message.ts';
import type { ClientTransaction } from './client-transaction.ts';
import { Event } from './machine.ts';

export function sendRequest(transaction: ClientTransaction): void {
  transaction.setting.send(transaction.request, transaction.hop);
}

/** Nothing was heard: whoever is asked may be gone. */
export function resendRequest(transaction: ClientTransaction): void {
  transaction.setting.counts.resent++;
  transaction.setting.resend(transaction.request, transaction.hop);
}

/** RFC 3261 17.1.1.3: to the same hop, with the INVITE's own branch. */
export function sendAck(transaction: ClientTransaction, response: Message): void {
  transaction.ack = ackFor(sentRequest(transaction), response);
  transaction.setting.send(transaction.ack, transaction.hop);
}

export function resendAck(transaction: ClientTransaction): void {
  transaction.setting.counts.resent++;
  transaction.setting.send(transaction.ack, transaction.hop);
}

export function sendCancel(transaction: ClientTransaction): void {
  transaction.side.sendCancel(transaction);
}

export function report(transaction: ClientTransaction, response: Message): void {
  // a 180 may overtake its 100, and rings all the same
  transaction.lastStatus = Math.max(transaction.lastStatus, response.status);
  transaction.owner.response(transaction, response);
}

export function reportTimeout(transaction: ClientTransaction): void {
  transaction.owner.timeout(transaction);
}

export function reportUnreachable(transaction: ClientTransaction): void {
  transaction.owner.unreachable(transaction);
}

export function stopRepeating(transaction: ClientTransaction): void {
  transaction.stopRepeating();
}

export function stopTimers(transaction: ClientTransaction): void {
  transaction.stopTimers();
}

export function startA(transaction: ClientTransaction): void {
  transaction.repeat(Event.timerA, transaction.setting.t1);
}

export function doubleA(transaction: ClientTransaction): void {
  transaction.repeat(Event.timerA, transaction.interval * 2);
}

export function startB(transaction: ClientTransaction): void {
  transaction.until(Event.timerB, transaction.startedAt + 64 * transaction.setting.t1);
}

/** "At least 32 seconds" (RFC 3261 17.1.1.2). */
export function startD(transaction: ClientTransaction): void {
  if (transaction.reliable) transaction.wait(Event.timerD, 0);
  else transaction.linger(Event.timerD);
}

export function startE(transaction: ClientTransaction): void {
  transaction.repeat(Event.timerE, transaction.setting.t1);
}

export function doubleE(transaction: ClientTransaction): void {
  transaction.repeat(Event.timerE, Math.min(transaction.interval * 2, transaction.setting.t2));
}

export function slowE(transaction: ClientTransaction): void {
  transaction.repeat(Event.timerE, transaction.setting.t2);
}

export function startF(transaction: ClientTransaction): void {
  transaction.until(Event.timerF, transaction.startedAt + 64 * transaction.setting.t1);
}

export function startK(transaction: ClientTransaction): void {
  transaction.wait(Event.timerK, transaction.reliable ? 0 : transaction.setting.t4);
}

/** RFC 6026 7.2: on every transport, since forks answer whenever they like. */
export function startM(transaction: ClientTransaction): void {
  transaction.linger(Event.timerM);
}

export function startWait(transaction: ClientTransaction): void {
  transaction.wait(Event.waitOver, 64 * transaction.setting.t1);
}

/** What was sent, as a message: no limit but its own size, for it passed the limits before it grew by what we added. */
export function sentRequest(transaction: ClientTransaction): Message {
  const size = transaction.request.length;
  return parseMessage(transaction.request, { maxBytes: size, maxFields: size, maxUri: size });
}
