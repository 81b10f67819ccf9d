import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { parseMessage, type Message } from '../../proxy/sip/message.ts';
import { Header } from '../../proxy/sip/header.ts';
import { respond } from '../builders.ts';

interface Asked {
  readonly request: Message;
  readonly host: string;
  readonly port: number;
}

/** A SIP Server that takes up so many requests a second, whatever they are, in the order in which they come, and says yes. */
export class SlowServer {
  readonly #socket: Socket;
  readonly #address: string;
  readonly #queue: Asked[] = [];
  /** Branches in the queue: what is sent again is taken up once. */
  readonly #queued = new Set<string>();
  readonly #timer: NodeJS.Timeout;
  #taken = 0;
  longestQueue = 0;
  registered = 0;

  private constructor(socket: Socket, address: string, perSecond: number) {
    this.#socket = socket;
    this.#address = address;
    const began = performance.now();
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - began) * perSecond) / 1000);
      for (; this.#taken < due; this.#taken++) this.#takeUp();
    }, 2);
    socket.on('message', (bytes, { address: host, port }) => {
      const request = parseMessage(bytes.toString('latin1'));
      const key = `${request.via.branch} ${request.method}`;
      if (!request.isRequest || request.method === 'ACK' || this.#queued.has(key)) return;
      this.#queued.add(key);
      this.longestQueue = Math.max(this.longestQueue, this.#queue.push({ request, host, port }));
    });
  }

  static async begin(address: string, perSecond: number): Promise<SlowServer> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4_194_304 });
    socket.bind(5060, address);
    await once(socket, 'listening');
    return new SlowServer(socket, address, perSecond);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#socket.close();
  }

  #takeUp(): void {
    const asked = this.#queue.shift();
    if (asked === undefined) return;
    const { request, host, port } = asked;
    this.#queued.delete(`${request.via.branch} ${request.method}`);
    if (request.method === 'REGISTER') this.registered++;
    const contact = request.method === 'REGISTER' ? request.value(Header.Contact) : `<sip:${this.#address}:5060>`;
    const answer = respond(request, 200, contact === undefined ? {} : { contact });
    this.#socket.send(Buffer.from(answer, 'latin1'), port, host);
  }
}
