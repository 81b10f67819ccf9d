import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** How long what is registered lasts, s. */
const EXPIRES = 3600;

/** A stand-in for a SIP Server that is in service and grants every REGISTER: what is measured is not the server. */
export class Registrar {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (bytes, { address, port }) => {
      const response = answer(bytes.toString('latin1'));
      if (response !== undefined) socket.send(Buffer.from(response, 'latin1'), port, address);
    });
  }

  static async begin(address: string): Promise<Registrar> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
    socket.bind(5060, address);
    await once(socket, 'listening');
    return new Registrar(socket);
  }

  end(): void {
    this.#socket.close();
  }
}

function answer(request: string): string | undefined {
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
