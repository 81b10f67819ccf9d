import type { RemoteInfo, Socket } from 'node:dgram';
import { errorCode } from './error-code.ts';

interface UdpWatchOptions {
  /** Not bound yet, and ready to share its port. */
  readonly socket: Socket;
  readonly from: { readonly address: string; readonly port: number };
  readonly to: { readonly address: string; readonly port: number };
  /** ms from the last datagram sent. */
  readonly lasts: number;
  readonly received: (datagram: Buffer, remote: RemoteInfo) => void;
  /** ICMP: nobody listens there, or there is no way to it. */
  readonly failed: (error: Error) => void;
  readonly ended: () => void;
}

/** What ICMP errors become. */
const UNREACHABLE = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN']);

/** A UDP socket connected to one silent peer, from the listener's own port, for as long as its ICMP errors may come. */
export class UdpWatch {
  readonly #socket: Socket;
  readonly #options: UdpWatchOptions;
  #early: Buffer[] = [];
  #connected = false;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: UdpWatchOptions) {
    const { socket, from, to } = options;
    this.#socket = socket;
    this.#options = options;
    socket.on('message', options.received);
    socket.on('error', (error) => this.#failed(error));
    socket.bind({ address: from.address, port: from.port, exclusive: true }, () => {
      socket.connect(to.port, to.address, () => this.#ready());
    });
    this.#extend();
  }

  send(datagram: Buffer): void {
    if (this.#ended) return;
    this.#extend();
    if (this.#connected) this.#socket.send(datagram, (error) => this.#sent(error));
    else this.#early.push(datagram);
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#socket.close();
    this.#options.ended();
  }

  #ready(): void {
    this.#connected = true;
    const early = this.#early;
    this.#early = [];
    for (const datagram of early) this.send(datagram);
  }

  #sent(error: Error | null): void {
    if (error !== null) this.#failed(error);
  }

  #failed(error: Error): void {
    if (this.#ended) return;
    this.end();
    // what else may be wrong, as too many open files, says nothing of the peer
    if (UNREACHABLE.has(errorCode(error))) this.#options.failed(error);
  }

  #extend(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.end(), this.#options.lasts);
    this.#timer.unref();
  }
}
