import { connect, type Socket } from 'node:net';
import { invite, options, register, request } from '../builders.ts';

/** What one hostile connection does once it is up. It may be closed on it at any time. */
type Behaviour = (socket: Socket, every: (ms: number, act: () => void) => void, loud: boolean) => void;

const behaviours: Readonly<Record<string, Behaviour>> = {
  'says nothing': () => undefined,
  'sends half a message': (socket) => void socket.write(options().slice(0, 100)),
  'sends a byte a second': (socket, every) => {
    const text = options();
    let at = 0;
    every(1_000, () => void socket.write(text.charAt(at++ % text.length)));
  },
  'sends a body that never ends': (socket, every) => {
    socket.write(options().replace('Content-Length: 0', 'Content-Length: 60000'));
    every(1_000, () => void socket.write('x'));
  },
  'sends noise': (socket) =>
    void socket.write(Buffer.from(Array.from({ length: 4_096 }, (_, i) => (i * 131 + 7) & 255))),
  'sends a header line without end': (socket, every) => {
    socket.write('OPTIONS sip:a SIP/2.0\r\nX: ');
    every(200, () => void socket.write('y'.repeat(2_000)));
  },
  'claims a huge body': (socket) =>
    void socket.write(options().replace('Content-Length: 0', 'Content-Length: 999999999')),
  'claims a negative body': (socket) => void socket.write(options().replace('Content-Length: 0', 'Content-Length: -1')),
  'asks and never reads': (socket, every, loud) => {
    socket.pause();
    // the answer repeats the Via
    const text = options({ uri: 'sip:example.com', branch: `z9hG4bK${'d'.repeat(10_000)}` });
    let left = loud ? 500 : 10;
    every(100, () => {
      if (left-- > 0) socket.write(text);
    });
  },
  'sends bad messages without end': (socket, every) => {
    every(
      4_000,
      () => void socket.write(invite({ maxForwards: 0 }).repeat(4) + options({ cseqMethod: 'BYE' }).repeat(4)),
    );
  },
  'asks and ends its half': (socket) => void socket.end(options({ uri: 'sip:example.com' })),
  'asks and resets': (socket) => {
    socket.write(options({ uri: 'sip:example.com' }));
    setImmediate(() => socket.resetAndDestroy());
  },
  'sends keep-alives only': (socket, every) => every(1_000, () => void socket.write('\r\n\r\n'.repeat(4))),
  'speaks TLS': (socket) => void socket.write(Buffer.from('16030100c8010000c40303', 'hex')),
  'speaks HTTP': (socket) => void socket.write('GET / HTTP/1.1\r\nHost: example.com\r\n\r\n'),
  'registers what is not its own': (socket, every) => {
    every(5_000, () => void socket.write(register({ from: 'alice', transport: 'TCP' })));
  },
  relays: (socket) => void socket.write(request('MESSAGE', { uri: 'sip:x@127.9.9.9', route: ['<sip:127.9.9.9;lr>'] })),
};

export const kinds = Object.keys(behaviours);

/** A hostile connection to `address`, port 5060, that behaves as `kind` says until it is closed or ended. */
export class HostileClient {
  readonly kind: string;
  readonly #socket: Socket;
  readonly #timers: NodeJS.Timeout[] = [];
  closed = false;
  wasConnected = false;

  /** `loud`: of those that send much, one that sends more. */
  constructor(kind: string, address: string, localAddress: string, loud: boolean) {
    this.kind = kind;
    this.#socket = connect({ host: address, port: 5060, localAddress });
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      this.closed = true;
      for (const timer of this.#timers) clearInterval(timer);
    });
    this.#socket.on('data', () => undefined);
    this.#socket.on('connect', () => {
      this.wasConnected = true;
      behaviours[kind]?.(this.#socket, (ms, act) => this.#timers.push(setInterval(act, ms)), loud);
    });
  }

  end(): void {
    this.#socket.destroy();
  }
}
