import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { Header } from '../../proxy/sip/header.ts';
import { parseMessage, type Message } from '../../proxy/sip/message.ts';
import { ack, bye, invite, register, respond } from '../builders.ts';

/** When a request over UDP is sent again, ms after the one before (RFC 3261 17.1.1.2), and when it is given up. */
const AGAIN = [500, 1_000, 2_000, 4_000];
const GIVEN_UP = 12_000;

interface Asked {
  readonly answered: (response: Message) => void;
}

/**
 * Somebody who calls and is called over UDP, port 5060, with next to no effort: a phone, or, as it also grants every
 * REGISTER and answers every OPTIONS, a SIP Server.
 */
export class Party {
  readonly address: string;
  readonly #socket: Socket;
  readonly #proxy: string;
  readonly #asked = new Map<string, Asked>();
  #count = 0;

  private constructor(address: string, proxy: string, socket: Socket) {
    this.address = address;
    this.#proxy = proxy;
    this.#socket = socket;
    socket.on('message', (bytes, { address: host, port }) => this.#heard(bytes.toString('latin1'), host, port));
  }

  static async begin(address: string, proxy: string): Promise<Party> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4_194_304 });
    socket.bind(5060, address);
    await once(socket, 'listening');
    return new Party(address, proxy, socket);
  }

  /** @returns the final answer */
  async registers(user: string): Promise<Message> {
    return await this.#ask((branch) =>
      register({ from: user, ...this.#at(branch, user), contact: `<sip:${user}@${this.address}:5060>` }),
    );
  }

  /** A call that is up for so long, ms. Rejects, saying what was not answered or how. @returns ms until it was answered */
  async calls(from: string, to: string, lasts: number): Promise<number> {
    const began = performance.now();
    const callId = `${this.address}-${++this.#count}`;
    const dialog = { callId, fromTag: 'caller', from, to, sentBy: `${this.address}:5060` };
    const answer = await this.#ask((branch) => invite({ ...dialog, branch }));
    if (answer.status !== 200) throw new Error(`INVITE was answered ${answer.status}`);
    const took = performance.now() - began;
    const route = answer.values(Header.RecordRoute).toReversed();
    const uri = /<([^>]*)>/.exec(answer.value(Header.Contact) ?? '')?.[1] ?? '';
    const inDialog = { ...dialog, uri, route, toTag: answer.toTag };
    this.#send(ack({ ...inDialog, branch: `${callId}-ack` }));
    await new Promise((resolve) => setTimeout(resolve, lasts));
    const ended = await this.#ask((branch) => bye({ ...inDialog, branch }));
    if (ended.status !== 200) throw new Error(`BYE was answered ${ended.status}`);
    return took;
  }

  end(): void {
    this.#socket.close();
  }

  #at(branch: string, user: string) {
    return { branch, sentBy: `${this.address}:5060`, callId: `${user}-${this.address}` };
  }

  async #ask(make: (branch: string) => string): Promise<Message> {
    const branch = `z9hG4bK${this.address}-${++this.#count}`;
    const text = make(branch);
    const { promise, resolve, reject } = Promise.withResolvers<Message>();
    this.#asked.set(branch, { answered: resolve });
    const timers = [setTimeout(() => reject(new Error(`${text.split(' ')[0] ?? ''} was not answered`)), GIVEN_UP)];
    let after = 0;
    for (const pause of AGAIN) timers.push(setTimeout(() => this.#send(text), (after += pause)));
    this.#send(text);
    try {
      return await promise;
    } finally {
      for (const timer of timers) clearTimeout(timer);
      this.#asked.delete(branch);
    }
  }

  #send(text: string): void {
    this.#socket.send(Buffer.from(text, 'latin1'), 5060, this.#proxy);
  }

  #heard(text: string, host: string, port: number): void {
    if (text.trim() === '') return;
    const message = parseMessage(text);
    if (!message.isRequest) {
      if (message.status >= 200) this.#asked.get(message.via.branch)?.answered(message);
      return;
    }
    if (message.method === 'ACK') return;
    const contact = message.method === 'REGISTER' ? message.value(Header.Contact) : `<sip:${this.address}:5060>`;
    const answer = respond(message, 200, contact === undefined ? {} : { contact });
    this.#socket.send(Buffer.from(answer, 'latin1'), port, host);
  }
}
