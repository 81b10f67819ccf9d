import { expect } from 'chai';
import { ackFor } from '../../../proxy/sip/ack.ts';
import { Header } from '../../../proxy/sip/header.ts';
import { parseMessage } from '../../../proxy/sip/message.ts';
import { invite, respond } from '../../builders.ts';

describe('the ACK for a failure (RFC 3261 17.1.1.3)', () => {
  const sent = parseMessage(
    invite({
      uri: 'sip:bob@10.0.0.2',
      via: [
        'SIP/2.0/UDP us;branch=z9hG4bKours, SIP/2.0/UDP them;branch=z9hG4bKtheirs',
        'SIP/2.0/UDP x;branch=z9hG4bKx',
      ],
      route: ['<sip:r1;lr>', '<sip:r2;lr>'],
      cseq: 17,
      headers: ['Require: 100rel'],
    }),
  );
  const ack = parseMessage(ackFor(sent, parseMessage(respond(sent, 486, { toTag: 'there' }))));

  it("goes to the INVITE's Request-URI and Route with the INVITE's branch alone", () => {
    expect(ack).to.include({ method: 'ACK', uri: 'sip:bob@10.0.0.2' });
    expect(ack.values(Header.Via)).to.deep.equal(['SIP/2.0/UDP us;branch=z9hG4bKours']);
    expect(ack.values(Header.Route)).to.deep.equal(['<sip:r1;lr>', '<sip:r2;lr>']);
  });

  it("has From, Call-ID and CSeq number of the INVITE, and the response's To", () => {
    expect(ack).to.include({ callId: sent.callId, cseq: 17, fromTag: sent.fromTag, toTag: 'there' });
  });

  it('has a Max-Forwards, no body, and nothing that asks for something', () => {
    expect(ack).to.include({ maxForwards: 70, body: '' });
    expect(ack.has(Header.Require) || ack.has(Header.ContentType)).to.equal(false);
  });
});
