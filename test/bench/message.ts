/** Messages as texts, cheap to make and to look into, since the generator's own work must not be the limit. */

/** A socket of the load. */
export interface Side {
  readonly address: string;
  readonly port: number;
}

/** Where a phone is, as its Via and Contact say it. */
export interface Phone extends Side {
  readonly transport: 'UDP' | 'TLS' | 'WSS';
}

const CRLF = '\r\n';

export const SDP = [
  'v=0',
  'o=bench 1 1 IN IP4 127.0.0.1',
  's=-',
  'c=IN IP4 127.0.0.1',
  't=0 0',
  'm=audio 40000 RTP/AVP 8 0 101',
  'a=rtpmap:8 PCMA/8000',
  'a=rtpmap:0 PCMU/8000',
  'a=rtpmap:101 telephone-event/8000',
  '',
].join(CRLF);

/** Names the exchange that a message belongs to, and which transaction of it. `run` tells one run's from another's. */
export function branch(run: string, number: number, transaction: string): string {
  return `z9hG4bK${run}.${number}.${transaction}`;
}

/** The number of the exchange that a message of this run belongs to; -1: of none. */
export function exchangeOf(message: string, run: string): number {
  const sought = `;branch=z9hG4bK${run}.`;
  const at = message.indexOf(sought);
  return at < 0 ? -1 : Number(message.slice(at + sought.length, message.indexOf('.', at + sought.length)));
}

/** `fields`: lines of the header, without what every request has. */
export function request(
  method: string,
  uri: string,
  from: Phone,
  ownBranch: string,
  fields: readonly string[],
  body = '',
): string {
  const type = body === '' ? '' : `Content-Type: application/sdp${CRLF}`;
  return (
    `${method} ${uri} SIP/2.0${CRLF}Via: SIP/2.0/${from.transport} ${from.address}:${from.port};branch=${ownBranch}${CRLF}` +
    `Max-Forwards: 70${CRLF}${fields.join(CRLF)}${CRLF}${type}Content-Length: ${body.length}${CRLF}${CRLF}${body}`
  );
}

/** A Contact of `user` there. */
export function contact(user: string, { transport, address, port }: Phone): string {
  const parameter = { UDP: '', TLS: ';transport=tls', WSS: ';transport=ws' }[transport];
  return `Contact: <sip:${user}@${address}:${port}${parameter}>`;
}

/** What a SIP Server answers, or a phone. */
export function answer(received: string, status: number, reason: string, from: Side): string {
  const to = line(received, 'To');
  const method = received.slice(0, received.indexOf(' '));
  const fields = [
    `SIP/2.0 ${status} ${reason}`,
    ...lines(received, 'Via'),
    line(received, 'From'),
    to.includes(';tag=') ? to : `${to};tag=server`,
    line(received, 'Call-ID'),
    line(received, 'CSeq'),
  ];
  if (method === 'REGISTER') fields.push(line(received, 'Contact'), 'Expires: 3600');
  if (method === 'INVITE' || method === 'SUBSCRIBE') {
    fields.push(...lines(received, 'Record-Route'), `Contact: <sip:server@${from.address}:${from.port}>`);
  }
  if (method === 'SUBSCRIBE') fields.push('Expires: 600');
  const body = method === 'INVITE' && status === 200 ? SDP : '';
  if (body !== '') fields.push('Content-Type: application/sdp');
  return `${fields.join(CRLF)}${CRLF}Content-Length: ${body.length}${CRLF}${CRLF}${body}`;
}

/** The method in a response's CSeq. */
export function methodOf(response: string): string {
  const value = line(response, 'CSeq');
  return value.slice(value.lastIndexOf(' ') + 1);
}

/** The first such line, whole; both proxies leave names as they were written. '': none. */
export function line(message: string, name: string): string {
  const at = message.indexOf(`${CRLF}${name}: `) + 2;
  return at < 2 ? '' : message.slice(at, message.indexOf(CRLF, at));
}

export function lines(message: string, name: string): string[] {
  const found: string[] = [];
  const sought = `${CRLF}${name}: `;
  for (let at = message.indexOf(sought); at >= 0; at = message.indexOf(sought, at + 2)) {
    found.push(message.slice(at + 2, message.indexOf(CRLF, at + 2)));
  }
  return found;
}

/** The URI between a line's angle brackets. */
export function uriOf(text: string): string {
  return text.slice(text.indexOf('<') + 1, text.indexOf('>'));
}
