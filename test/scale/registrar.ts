import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** How long what is registered lasts, s. */
const EXPIRES = 3600;
/** RFC 3261 17.1.2: when a request over UDP is sent again, ms, and how often here. */
const [AGAIN, TRIES] = [500, 5];

/** A stand-in for a SIP Server that is in service and grants every REGISTER: what is measured is not the server. */
export class Registrar {
  readonly address: string;
  readonly #socket: Socket;
  readonly #waiting = new Map<string, (response: string) => void>();
  #branch = 0;

  private constructor(address: string, socket: Socket) {
    this.address = address;
    this.#socket = socket;
    socket.on('message', (bytes, sender) => {
      const text = bytes.toString('latin1');
      if (text.startsWith('SIP/2.0 ')) {
        const branch = /^Via:[^\r]*;branch=z9hG4bK([\w.-]+)/im.exec(text)?.[1] ?? '';
        if (!text.startsWith('SIP/2.0 1')) this.#waiting.get(branch)?.(text);
        return;
      }
      const response = answer(text);
      if (response !== undefined) socket.send(Buffer.from(response, 'latin1'), sender.port, sender.address);
    });
  }

  static async begin(address: string): Promise<Registrar> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
    socket.bind(5060, address);
    await once(socket, 'listening');
    return new Registrar(address, socket);
  }

  /** Sends a MESSAGE for `aor` by a proxy. Resolves with its final response's first line. */
  async sends(aor: string, proxy: string): Promise<string> {
    const branch = `m${this.#branch++}`;
    const request = Buffer.from(
      [
        `MESSAGE sip:${aor} SIP/2.0`,
        `Via: SIP/2.0/UDP ${this.address}:5060;branch=z9hG4bK${branch}`,
        'Max-Forwards: 70',
        `From: <sip:server@sip.example.com>;tag=${branch}`,
        `To: <sip:${aor}>`,
        `Call-ID: ${branch}@${this.address}`,
        'CSeq: 1 MESSAGE',
        'Content-Length: 0',
        '',
        '',
      ].join('\r\n'),
      'latin1',
    );
    let timer: NodeJS.Timeout | undefined;
    let tries = 0;
    const response = await new Promise<string>((resolve) => {
      const send = (): void => {
        if (tries++ === TRIES) {
          resolve('no answer');
          return;
        }
        this.#socket.send(request, 5060, proxy);
        timer = setTimeout(send, AGAIN * 2 ** (tries - 1));
      };
      this.#waiting.set(branch, resolve);
      send();
    });
    clearTimeout(timer);
    this.#waiting.delete(branch);
    return response.split('\r\n', 1)[0] ?? '';
  }

  end(): void {
    this.#socket.close();
  }
}

/** To each request what it needs: 200, with what a REGISTER named. */
export function answer(request: string): string | undefined {
  const method = request.slice(0, request.indexOf(' '));
  if (method === 'ACK') return undefined;
  const lines = request.split('\r\n');
  const removes = /^Expires: 0$/im.test(request);
  const named = removes ? /^(?:Via|From|Call-ID|CSeq):/i : /^(?:Via|From|Call-ID|CSeq|Contact):/i;
  const kept = lines.filter((line) => named.test(line));
  const to = `${lines.find((line) => /^To:/i.test(line)) ?? ''};tag=server`;
  const expires = method === 'REGISTER' ? [`Expires: ${removes ? 0 : EXPIRES}`] : [];
  return ['SIP/2.0 200 OK', ...kept, to, ...expires, 'Content-Length: 0', '', ''].join('\r\n');
}
