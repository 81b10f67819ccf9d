import type { Socket } from 'node:dgram';
import { answer, line, lines, type Side, uriOf } from './message.ts';

/** RFC 3261's T1, ms. */
export const T1 = 500;

interface Unanswered {
  readonly text: string;
  readonly to: Side;
  readonly since: number;
}

/** The SIP Server: answers at once, and tells who subscribes. */
export class Server {
  readonly at: Side;
  readonly #socket: Socket;
  /** 200s to INVITEs that wait for their ACK (RFC 3261 13.3.1.4), by Call-ID, and NOTIFYs for their 200, by branch. */
  readonly #unanswered = new Map<string, Unanswered>();
  /** Of subscriptions, by Call-ID: what a NOTIFY has of the first SUBSCRIBE. */
  readonly #routes = new Map<string, readonly string[]>();

  constructor(socket: Socket) {
    this.#socket = socket;
    const { address, port } = socket.address();
    this.at = { address, port };
    socket.on('message', (datagram, from) => this.#received(datagram.toString('latin1'), from));
  }

  /** Sends again, once, what has waited for T1; returns how many that were. */
  sweep(now: number): number {
    let again = 0;
    for (const [key, { text, to, since }] of this.#unanswered) {
      if (now - since < T1) continue;
      this.#unanswered.delete(key);
      this.#send(text, to);
      again++;
    }
    return again;
  }

  /** Nothing of what was begun so far goes on. */
  forget(): void {
    this.#unanswered.clear();
    this.#routes.clear();
  }

  close(): void {
    this.#socket.close();
  }

  #received(text: string, from: Side): void {
    if (text.startsWith('INVITE ')) this.#invited(text, from);
    else if (text.startsWith('ACK ')) this.#unanswered.delete(line(text, 'Call-ID'));
    else if (text.startsWith('SIP/2.0')) this.#unanswered.delete(branchOf(text));
    else {
      if (text.startsWith('BYE ')) this.#unanswered.delete(line(text, 'Call-ID'));
      const ok = answer(text, 200, 'OK', this.at);
      this.#send(ok, from);
      if (text.startsWith('SUBSCRIBE ')) this.#notify(text, ok, from);
    }
  }

  #invited(text: string, from: Side): void {
    const callId = line(text, 'Call-ID');
    if (!line(text, 'To').includes(';tag=')) this.#send(answer(text, 180, 'Ringing', this.at), from);
    const ok = answer(text, 200, 'OK', this.at);
    if (this.#unanswered.get(callId)?.text !== ok) {
      this.#unanswered.set(callId, { text: ok, to: from, since: performance.now() });
    }
    this.#send(ok, from);
  }

  /** It bears the branch of the phone's SUBSCRIBE but for its end, so that it is known whose it is. */
  #notify(subscribe: string, ok: string, from: Side): void {
    const callId = line(subscribe, 'Call-ID');
    let routes = this.#routes.get(callId);
    if (routes === undefined) {
      routes = lines(subscribe, 'Record-Route').map((one) => one.replace('Record-Route', 'Route'));
      this.#routes.set(callId, routes);
    }
    const branch = `${branchOf(lines(subscribe, 'Via').at(-1) ?? '')}n`;
    const cseq = line(subscribe, 'CSeq').split(' ')[1] ?? '1';
    const text = [
      `NOTIFY ${uriOf(line(subscribe, 'Contact'))} SIP/2.0`,
      `Via: SIP/2.0/UDP ${this.at.address}:${this.at.port};branch=${branch}`,
      'Max-Forwards: 70',
      ...routes,
      line(ok, 'To').replace('To', 'From'),
      line(ok, 'From').replace('From', 'To'),
      callId,
      `CSeq: ${cseq} NOTIFY`,
      `Contact: <sip:server@${this.at.address}:${this.at.port}>`,
      line(subscribe, 'Event'),
      'Subscription-State: active;expires=600',
      'Content-Length: 0',
      '',
      '',
    ].join('\r\n');
    this.#unanswered.set(branch, { text, to: from, since: performance.now() });
    this.#send(text, from);
  }

  #send(text: string, to: Side): void {
    this.#socket.send(Buffer.from(text, 'latin1'), to.port, to.address);
  }
}

/** The first one's, up to whatever follows. */
function branchOf(message: string): string {
  return /;branch=([^;,\s]+)/.exec(message)?.[1] ?? '';
}
