import { createSocket, type Socket } from 'node:dgram';
import type { Phone, Side } from './message.ts';

/** Who exchanges are of. */
export interface Phones {
  /** Nothing is sent again there (RFC 3261 17.1.1.2, 17.1.2.2). */
  readonly reliable: boolean;
  /** The phone of this exchange. */
  of(number: number): Phone;
  /** From that phone to the proxy. */
  send(number: number, text: string): void;
}

/** All phones on one socket. */
export class UdpPhones implements Phones {
  readonly reliable = false;
  /** Where they send to. */
  to: Side = { address: '', port: 0 };
  readonly #socket: Socket;
  readonly #phone: Phone;

  constructor(socket: Socket, received: (text: string) => void) {
    this.#socket = socket;
    const { address, port } = socket.address();
    this.#phone = { transport: 'UDP', address, port };
    socket.on('message', (datagram) => received(datagram.toString('latin1')));
  }

  of(): Phone {
    return this.#phone;
  }

  send(_number: number, text: string): void {
    this.#socket.send(Buffer.from(text, 'latin1'), this.to.port, this.to.address);
  }

  close(): void {
    this.#socket.close();
  }
}

/** A UDP socket that sends without looking names up, with room for bursts. */
export async function udpSocket(address: string): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', lookup: (host, _options, callback) => callback(null, host, 4) });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once('error', reject);
  socket.bind(0, address, resolve);
  await promise;
  for (const raise of ['setRecvBufferSize', 'setSendBufferSize'] as const) socket[raise](4_194_304);
  return socket;
}
