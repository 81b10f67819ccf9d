/** What is sent: messages as texts, cheap to make, since the generator's own work must not be the limit. */
import type { Side } from './load.ts';

export type ScenarioName = 'call' | 'register';

const CRLF = '\r\n';

const SDP = [
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

/** A request of a phone outside a dialog. `run` tells one run's Call-IDs from another's. */
export function firstRequest(name: ScenarioName, number: number, run: string, phone: Side): string {
  const via = `Via: SIP/2.0/UDP ${phone.address}:${phone.port};branch=z9hG4bK${run}${number}i`;
  if (name === 'register') {
    const aor = `sip:p${run}${number}@example.com`;
    return (
      `REGISTER sip:example.com SIP/2.0${CRLF}${via}${CRLF}Max-Forwards: 70${CRLF}` +
      `From: <${aor}>;tag=f${number}${CRLF}To: <${aor}>${CRLF}Call-ID: ${number}@${run}${CRLF}CSeq: 1 REGISTER${CRLF}` +
      `Contact: <sip:p${run}${number}@${phone.address}:${phone.port}>${CRLF}Expires: 3600${CRLF}Content-Length: 0${CRLF}${CRLF}`
    );
  }
  return (
    `INVITE sip:queue@example.com SIP/2.0${CRLF}${via}${CRLF}Max-Forwards: 70${CRLF}` +
    `From: "Bench" <sip:phone@example.com>;tag=f${number}${CRLF}To: <sip:queue@example.com>${CRLF}` +
    `Call-ID: ${number}@${run}${CRLF}CSeq: 1 INVITE${CRLF}Contact: <sip:phone@${phone.address}:${phone.port}>${CRLF}` +
    `Content-Type: application/sdp${CRLF}Content-Length: ${SDP.length}${CRLF}${CRLF}${SDP}`
  );
}

/** A request inside the dialog that `ok`, a 2xx to the INVITE, has made. */
export function inDialog(method: 'ACK' | 'BYE', ok: string, number: number, run: string, phone: Side): string {
  const contact = field(ok, 'Contact');
  const target = contact.slice(contact.indexOf('<') + 1, contact.indexOf('>'));
  const recordRoute = fields(ok, 'Record-Route').map((line) => line.slice('Record-Route: '.length));
  const routes = recordRoute.toReversed().map((route) => `Route: ${route}${CRLF}`);
  return (
    `${method} ${target} SIP/2.0${CRLF}` +
    `Via: SIP/2.0/UDP ${phone.address}:${phone.port};branch=z9hG4bK${run}${number}${method[0] ?? ''}${CRLF}` +
    `Max-Forwards: 70${CRLF}${routes.join('')}${field(ok, 'From')}${CRLF}${field(ok, 'To')}${CRLF}` +
    `Call-ID: ${number}@${run}${CRLF}CSeq: ${method === 'ACK' ? 1 : 2} ${method}${CRLF}Content-Length: 0${CRLF}${CRLF}`
  );
}

/** What a SIP Server answers. */
export function answer(request: string, status: number, reason: string, server: Side): string {
  const to = field(request, 'To');
  const tagged = to.includes(';tag=') ? to : `${to};tag=server`;
  const method = request.slice(0, request.indexOf(' '));
  let more = '';
  let body = '';
  if (method === 'REGISTER') more = `${field(request, 'Contact')}${CRLF}Expires: 3600${CRLF}`;
  if (method === 'INVITE') {
    more = `${fields(request, 'Record-Route').join(CRLF)}${CRLF}Contact: <sip:server@${server.address}:${server.port}>${CRLF}`;
    if (status === 200) {
      more += `Content-Type: application/sdp${CRLF}`;
      body = SDP;
    }
    if (more.startsWith(CRLF)) more = more.slice(2);
  }
  return (
    `SIP/2.0 ${status} ${reason}${CRLF}${fields(request, 'Via').join(CRLF)}${CRLF}${field(request, 'From')}${CRLF}` +
    `${tagged}${CRLF}${field(request, 'Call-ID')}${CRLF}${field(request, 'CSeq')}${CRLF}${more}` +
    `Content-Length: ${body.length}${CRLF}${CRLF}${body}`
  );
}

/** The number of the call or REGISTER that a message of this run belongs to; -1: of none. */
export function numberOf(message: string, run: string): number {
  const at = message.indexOf('\r\nCall-ID: ') + 11;
  const end = message.indexOf('@', at);
  return at > 10 && message.startsWith(run, end + 1) ? Number(message.slice(at, end)) : -1;
}

/** The method in a response's CSeq. */
export function methodOf(response: string): string {
  const at = response.indexOf('\r\nCSeq: ');
  const end = response.indexOf(CRLF, at + 2);
  return response.slice(response.lastIndexOf(' ', end) + 1, end);
}

/** The first such line, whole; both proxies leave names as they were written. */
function field(message: string, name: string): string {
  const at = message.indexOf(`${CRLF}${name}: `) + 2;
  return message.slice(at, message.indexOf(CRLF, at));
}

function fields(message: string, name: string): string[] {
  const found: string[] = [];
  const sought = `${CRLF}${name}: `;
  for (let at = message.indexOf(sought); at >= 0; at = message.indexOf(sought, at + 2)) {
    found.push(message.slice(at + 2, message.indexOf(CRLF, at + 2)));
  }
  return found;
}
