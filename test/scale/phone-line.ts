import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** RFC 3261 17.1.2: when a request over UDP is sent again, ms, and how often here. */
const [AGAIN, TRIES] = [500, 6];
const EXPIRES = 3600;

export interface Registration {
  readonly user: string;
  /** 0 takes the contact away. */
  readonly expires: 0 | 3600;
  /** Must grow from one to the next of a phone. */
  readonly cseq: number;
  /** Takes away every contact of the address of record (RFC 3261 10.2.2), not only its own. */
  readonly all?: boolean;
}

/** Many phones behind one address that register by one proxy at a time. */
export class PhoneLine {
  readonly address: string;
  readonly #socket: Socket;
  readonly #waiting = new Map<string, (status: number) => void>();
  #branch = 0;

  private constructor(address: string, socket: Socket) {
    this.address = address;
    this.#socket = socket;
    socket.on('message', (bytes) => {
      const text = bytes.toString('latin1');
      const status = /^SIP\/2\.0 ([2-6]\d\d)/.exec(text)?.[1];
      const branch = /^Via:[^\r]*;branch=z9hG4bK([\w.-]+)/im.exec(text)?.[1];
      if (status !== undefined && branch !== undefined) this.#waiting.get(branch)?.(Number(status));
    });
  }

  static async begin(address: string): Promise<PhoneLine> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
    socket.bind(5060, address);
    await once(socket, 'listening');
    return new PhoneLine(address, socket);
  }

  contactOf(user: string): string {
    return `sip:${user}@${this.address}:5060;line=${user}`;
  }

  /** Resolves when it is granted; rejects with what else became of it. */
  async registers({ user, expires, cseq, all }: Registration, contact: string, proxy: string): Promise<void> {
    const branch = `${user}.${this.#branch++}`;
    const aor = `sip:${user}@sip.example.com`;
    const request = Buffer.from(
      [
        'REGISTER sip:sip.example.com SIP/2.0',
        `Via: SIP/2.0/UDP ${this.address}:5060;branch=z9hG4bK${branch};rport`,
        'Max-Forwards: 70',
        `From: <${aor}>;tag=${user}`,
        `To: <${aor}>`,
        `Call-ID: ${user}@phones.example.com`,
        `CSeq: ${cseq} REGISTER`,
        `Contact: ${all === true ? '*' : `<${contact}>`}`,
        `Expires: ${expires === 0 ? 0 : EXPIRES}`,
        'Content-Length: 0',
        '',
        '',
      ].join('\r\n'),
      'latin1',
    );
    let timer: NodeJS.Timeout | undefined;
    let tries = 0;
    const status = await new Promise<number>((resolve) => {
      const send = (): void => {
        if (tries++ === TRIES) resolve(408);
        this.#socket.send(request, 5060, proxy);
        timer = setTimeout(send, AGAIN * 2 ** (tries - 1));
      };
      this.#waiting.set(branch, resolve);
      send();
    });
    clearTimeout(timer);
    this.#waiting.delete(branch);
    if (status !== 200) throw new Error(`REGISTER of ${user} by ${proxy}: ${status}`);
  }

  end(): void {
    this.#socket.close();
  }
}
