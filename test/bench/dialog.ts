import { line, lines, request, uriOf, type Phone } from './message.ts';

/** A phone's side of a dialog (RFC 3261 12), which the 2xx to its first request has made. */
export class Dialog {
  readonly #target: string;
  /** Route lines, From, To and Call-ID. */
  readonly #fields: readonly string[];
  #cseq: number;

  constructor(ok: string) {
    this.#target = uriOf(line(ok, 'Contact'));
    const recordRoutes = lines(ok, 'Record-Route').flatMap((one) =>
      one.slice('Record-Route: '.length).split(/,\s*(?=<)/),
    );
    this.#fields = [
      ...recordRoutes.toReversed().map((route) => `Route: ${route}`),
      line(ok, 'From'),
      line(ok, 'To'),
      line(ok, 'Call-ID'),
    ];
    this.#cseq = cseqOf(ok);
  }

  /** The next request inside it; `more`: further header fields. */
  next(method: string, phone: Phone, ownBranch: string, more: readonly string[] = [], body = ''): string {
    this.#cseq++;
    return this.#request(method, phone, ownBranch, this.#cseq, more, body);
  }

  /** The ACK of `ok`. */
  ack(ok: string, phone: Phone, ownBranch: string): string {
    return this.#request('ACK', phone, ownBranch, cseqOf(ok), [], '');
  }

  #request(
    method: string,
    phone: Phone,
    ownBranch: string,
    cseq: number,
    more: readonly string[],
    body: string,
  ): string {
    return request(method, this.#target, phone, ownBranch, [...this.#fields, `CSeq: ${cseq} ${method}`, ...more], body);
  }
}

function cseqOf(message: string): number {
  return Number(line(message, 'CSeq').split(' ')[1]);
}
