import type { Message } from '../../proxy/sip/message.ts';

/** One message as a peer saw it leave or arrive. */
export interface TraceLine {
  /** ms since the epoch, with a fraction. */
  readonly at: number;
  /** `IP:PORT` it was sent from and to. */
  readonly from: string;
  readonly to: string;
  readonly direction: 'sent' | 'received';
  /** `INVITE`, or `200 to INVITE`. */
  readonly what: string;
  readonly callId: string;
  /** The users of From and To, to tell calls apart. */
  readonly fromUser: string;
  readonly toUser: string;
}

export type Tracer = (line: TraceLine) => void;

/** `INVITE` for a request, `200 to INVITE` for a response. */
export function titleOf(message: Message): string {
  return message.isRequest ? message.method : `${message.status} to ${message.method}`;
}

/** Milliseconds since the epoch with a fraction: comparable between processes of one machine. */
export function preciseNow(): number {
  return performance.timeOrigin + performance.now();
}
