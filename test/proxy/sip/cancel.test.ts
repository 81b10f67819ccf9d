import { expect } from 'chai';
import { cancelFor } from '../../../proxy/sip/cancel.ts';
import { Header } from '../../../proxy/sip/header.ts';
import { type Message, parseMessage } from '../../../proxy/sip/message.ts';
import { invite } from '../../builders.ts';

describe('the CANCEL for an INVITE (RFC 3261 9.1)', () => {
  const invited = (): Message =>
    parseMessage(
      invite({
        via: ['SIP/2.0/UDP us;branch=z9hG4bKours', 'SIP/2.0/UDP them;branch=z9hG4bKtheirs'],
        route: ['<sip:r;lr>'],
        cseq: 3,
      }),
    );

  it('matches the INVITE: Request-URI, branch, Route, From, To, Call-ID and CSeq number', () => {
    const sent = invited();
    const cancel = parseMessage(cancelFor(sent));
    expect(cancel).to.include({
      method: 'CANCEL',
      uri: sent.uri,
      callId: sent.callId,
      cseq: 3,
      fromTag: sent.fromTag,
      toTag: '',
    });
    expect(cancel.values(Header.Via)).to.deep.equal(['SIP/2.0/UDP us;branch=z9hG4bKours']);
    expect(cancel.values(Header.Route)).to.deep.equal(['<sip:r;lr>']);
    expect(cancel.value(Header.To)).to.equal(sent.value(Header.To));
  });

  it('carries the Reason it is given (RFC 3326)', () => {
    const reason = 'Reason: SIP;cause=200;text="Call completed elsewhere"';
    expect(parseMessage(cancelFor(invited(), [reason])).value(Header.Reason)).to.equal(reason.slice(8));
  });
});
