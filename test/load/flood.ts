/** An endpoint that sends bad messages over UDP from one port, in a process of its own: `flood.ts ADDRESS FROM RATE SECONDS`. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { bye, cancel, invite, options, register, request, respond } from '../builders.ts';

const [, , address = '', from = '', rate = '10000', seconds = '20'] = process.argv;
const socket = createSocket('udp4');
socket.bind(0, from);
await once(socket, 'listening');
const sentBy = `${from}:${socket.address().port}`;

/** One of each way to be wrong, with branch and Call-ID of its own. */
function bad(i: number): string {
  const at = { sentBy, branch: `z9hG4bKbad${i}`, callId: `bad-${i}` };
  switch (i % 10) {
    case 0:
      return invite({ ...at, cseqMethod: 'BYE' });
    case 1:
      return invite({ ...at, maxForwards: 0 });
    case 2:
      return request('MESSAGE', { ...at, route: ['<sip:127.9.9.9;lr>'] });
    case 3:
      return register({ ...at, from: 'alice', headers: ['Path: <sip:127.9.9.9;lr>'] });
    case 4:
      return cancel(at);
    case 5:
      return options(at).replace('SIP/2.0\r\n', 'SIP/3.0\r\n');
    case 6:
      return respond(invite(at), 200);
    case 7:
      return `${invite(at).slice(0, 200)}\u0000\u0001\u0002`;
    case 8:
      return bye({
        ...at,
        route: ['<sip:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA@example.com;lr>'],
        headers: ['Proxy-Require: x'],
      });
    default:
      return 'NOTHING of this is SIP\r\nat: all\r\n\r\n';
  }
}

const end = performance.now() + Number(seconds) * 1000;
const began = performance.now();
let sent = 0;
// made beforehand: the flood must not be slower than it says
const made = Array.from({ length: 20_000 }, (_, i) => Buffer.from(bad(i), 'latin1'));
const timer = setInterval(() => {
  const due = ((performance.now() - began) * Number(rate)) / 1000;
  for (; sent < due; sent++) socket.send(made[sent % made.length] ?? Buffer.alloc(0), 5060, address);
  if (performance.now() < end) return;
  clearInterval(timer);
  console.log(JSON.stringify({ sent }));
  setTimeout(() => socket.close(), 500);
}, 2);
