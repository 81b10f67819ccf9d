import type { RemoteInfo, Socket } from 'node:dgram';
import type { Hop } from './hop.ts';
import type { UdpSocket, UdpSocketUser } from './udp-socket.ts';

/** A UDP socket by node:dgram: where native/udp.c is not there. */
export class NodeSocket implements UdpSocket {
  readonly tellsIcmp = false;
  readonly #socket: Socket;
  readonly #limit: number;
  readonly #sent: (error: Error | null) => void;
  /** Sends whose result is still to come: within one turn many, beyond that only what the kernel would not take. */
  #pending = 0;

  /** `socket`: bound. */
  constructor(socket: Socket, limit: number, user: UdpSocketUser) {
    this.#socket = socket;
    this.#limit = limit;
    // One callback for all messages: the error names the address and port it is about.
    this.#sent = (error) => {
      this.#pending--;
      if (error !== null) tell(error, user);
    };
    socket.on('message', (datagram: Buffer, remote: RemoteInfo) =>
      user.received(datagram, 0, datagram.length, user.hop(remote.address, remote.port)),
    );
    socket.on('error', (error) => tell(error, user));
  }

  get queued(): number {
    return this.#socket.getSendQueueCount();
  }

  send(text: string, hop: Hop): boolean {
    return this.sendBytes(Buffer.from(text, 'latin1'), hop);
  }

  sendBytes(bytes: Buffer, { port, address }: Hop): boolean {
    if (this.#pending >= this.#limit && this.queued >= this.#limit) return false;
    this.#pending++;
    this.#socket.send(bytes, 0, bytes.length, port, address, this.#sent);
    return true;
  }

  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.close(resolve);
    await promise;
  }
}

function tell(error: Error, user: UdpSocketUser): void {
  const address = 'address' in error && typeof error.address === 'string' ? error.address : '';
  const port = 'port' in error && typeof error.port === 'number' ? error.port : 0;
  user.failed(error, address, port);
}
