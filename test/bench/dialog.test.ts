import { expect } from 'chai';
import { parseMessage } from '../../proxy/sip/message.ts';
import { Dialog } from './dialog.ts';
import { answer, type Phone } from './message.ts';
import { calls } from './scenarios/call.ts';

const phone: Phone = { transport: 'UDP', address: '192.0.2.1', port: 5060 };
const server = { address: '192.0.2.9', port: 5070 };

function okWith(recordRoute: string): string {
  const invite = calls.open(1, 'r1', phone).text.replace('\r\nFrom', `\r\n${recordRoute}\r\nFrom`);
  return answer(invite, 200, 'OK', server);
}

describe("a dialog of the benchmark's phone", () => {
  it('follows the Record-Route of the answer, the last one first', () => {
    for (const written of [
      'Record-Route: <sip:b@192.0.2.5;lr>\r\nRecord-Route: <sip:a@192.0.2.6;lr>',
      'Record-Route: <sip:b@192.0.2.5;lr>, <sip:a@192.0.2.6;lr>',
    ]) {
      const bye = new Dialog(okWith(written)).next('BYE', phone, 'z9hG4bK1');
      expect(bye).to.match(/^BYE sip:server@192\.0\.2\.9:5070 SIP\/2\.0\r\n/);
      expect(bye).to.include('\r\nRoute: <sip:a@192.0.2.6;lr>\r\nRoute: <sip:b@192.0.2.5;lr>\r\n');
      expect(parseMessage(bye).toTag).to.equal('server');
    }
  });

  it('counts its requests, and acknowledges with the number of what is answered', () => {
    const ok = okWith('Record-Route: <sip:192.0.2.5;lr>');
    const dialog = new Dialog(ok);
    expect(dialog.next('INFO', phone, 'z9hG4bK1')).to.include('\r\nCSeq: 2 INFO\r\n');
    expect(dialog.next('OPTIONS', phone, 'z9hG4bK2')).to.include('\r\nCSeq: 3 OPTIONS\r\n');
    expect(dialog.ack(ok, phone, 'z9hG4bK3')).to.include('\r\nCSeq: 1 ACK\r\n');
  });
});
