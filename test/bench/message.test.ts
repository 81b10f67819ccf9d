import { expect } from 'chai';
import { parseMessage } from '../../proxy/sip/message.ts';
import { Dialog } from './dialog.ts';
import { answer, branch, contact, exchangeOf, methodOf, type Phone } from './message.ts';
import { calls } from './scenarios/call.ts';
import { registrations } from './scenarios/register.ts';

const phone: Phone = { transport: 'UDP', address: '192.0.2.1', port: 5060 };
const server = { address: '192.0.2.9', port: 5070 };

describe("the benchmark's messages", () => {
  const invite = calls.open(7, 'r1', phone).text;
  const ok = answer(invite, 200, 'OK', server);

  it('parse, and tell which exchange they are of', () => {
    const dialog = new Dialog(ok);
    const bye = dialog.next('BYE', phone, branch('r1', 7, 'b'));
    for (const text of [
      invite,
      registrations.open(7, 'r1', phone).text,
      answer(invite, 180, 'Ringing', server),
      ok,
      dialog.ack(ok, phone, branch('r1', 7, 'a')),
      bye,
      answer(bye, 200, 'OK', server),
    ]) {
      expect(parseMessage(text).callId).to.equal('7@r1');
      expect(exchangeOf(text, 'r1')).to.equal(7);
    }
    expect(methodOf(ok)).to.equal('INVITE');
    expect(exchangeOf(ok, 'r2')).to.equal(-1);
  });

  it('say by which transport the phone is reached', () => {
    const there: Phone = { ...phone, transport: 'WSS' };
    expect(calls.open(1, 'r1', there).text).to.include('\r\nVia: SIP/2.0/WSS 192.0.2.1:5060;branch=');
    expect(contact('alice', there)).to.equal('Contact: <sip:alice@192.0.2.1:5060;transport=ws>');
  });
});
