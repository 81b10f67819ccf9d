import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { respond } from '../builders.ts';
import { parseMessage } from '../../proxy/sip/message.ts';

/** A SIP Server that is in service and refuses all: what attacks are measured against. */
export class PrimaryStandIn {
  readonly address: string;
  readonly #socket: Socket;

  private constructor(address: string, socket: Socket) {
    this.address = address;
    this.#socket = socket;
    socket.on('message', (bytes, { address: host, port }) => {
      const request = parseMessage(bytes.toString('latin1'));
      if (!request.isRequest || request.method === 'ACK') return;
      const status = request.method === 'OPTIONS' ? 200 : request.method === 'REGISTER' ? 401 : 403;
      socket.send(Buffer.from(respond(request, status), 'latin1'), port, host);
    });
  }

  static async begin(address: string): Promise<PrimaryStandIn> {
    const socket = createSocket('udp4');
    socket.bind(5060, address);
    await once(socket, 'listening');
    return new PrimaryStandIn(address, socket);
  }

  end(): void {
    this.#socket.close();
  }
}
