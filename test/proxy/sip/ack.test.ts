import { expect } from 'chai';
import { ackFor } from '../../../proxy/sip/ack.ts';
import { Header } from '../../../proxy/sip/header.ts';
import { type Message, parseMessage } from '../../../proxy/sip/message.ts';
import { invite, respond } from '../../builders.ts';

describe('the ACK for a failure (RFC 3261 17.1.1.3)', () => {
  const sent = (): Message =>
    parseMessage(
      invite({
        uri: 'sip:bob@10.0.0.2',
        via: [
          'SIP/2.0/UDP us;branch=z9hG4bKours , SIP/2.0/UDP them;branch=z9hG4bKtheirs',
          'SIP/2.0/UDP x;branch=z9hG4bKx',
        ],
        route: ['<sip:r1;lr>', '<sip:r2;lr>'],
        fromTag: 'here',
        callId: 'call-1',
        cseq: 17,
        headers: ['Require: 100rel'],
      }),
    );
  const ack = (invited: Message): string => ackFor(invited, parseMessage(respond(invited, 486, { toTag: 'there' })));

  it("goes to the INVITE's Request-URI and Route with the INVITE's branch alone", () => {
    const read = parseMessage(ack(sent()));
    expect(read).to.include({ method: 'ACK', uri: 'sip:bob@10.0.0.2' });
    expect(read.values(Header.Via)).to.deep.equal(['SIP/2.0/UDP us;branch=z9hG4bKours']);
    expect(read.values(Header.Route)).to.deep.equal(['<sip:r1;lr>', '<sip:r2;lr>']);
  });

  it('finds the Route wherever it stands', () => {
    const invited = parseMessage(invite({ route: ['<sip:r;lr>'] }).replace(/(Via.*\r\n[^]*)(Route.*\r\n)/, '$2$1'));
    expect(invited.fieldId(0)).to.equal(Header.Route);
    expect(parseMessage(ack(invited)).value(Header.Route)).to.equal('<sip:r;lr>');
  });

  it("has From, Call-ID and CSeq number of the INVITE, and the response's To", () => {
    const invited = sent();
    expect(parseMessage(ack(invited))).to.include({
      callId: invited.callId,
      cseq: 17,
      fromTag: invited.fromTag,
      toTag: 'there',
    });
  });

  it('has a Max-Forwards, no body, and nothing that asks for something', () => {
    expect(ack(sent()).split('\r\n')).to.deep.equal([
      'ACK sip:bob@10.0.0.2 SIP/2.0',
      'Via: SIP/2.0/UDP us;branch=z9hG4bKours',
      'Max-Forwards: 70',
      'Route: <sip:r1;lr>',
      'Route: <sip:r2;lr>',
      'From: <sip:alice@example.com>;tag=here',
      'To: <sip:bob@example.com>;tag=there',
      'Call-ID: call-1',
      'CSeq: 17 ACK',
      'Content-Length: 0',
      '',
      '',
    ]);
  });
});
