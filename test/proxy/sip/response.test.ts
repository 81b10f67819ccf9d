import { expect } from 'chai';
import { Header } from '../../../proxy/sip/header.ts';
import { type Message, parseMessage } from '../../../proxy/sip/message.ts';
import { isOfRefusal, reasonPhrase, response } from '../../../proxy/sip/response.ts';
import { SipError } from '../../../proxy/sip/sip-error.ts';
import { ack, bye, invite, type RequestOptions } from '../../builders.ts';

/** The answer to a request that is refused. */
function refusal(text: string): string {
  try {
    parseMessage(text);
  } catch (error) {
    if (error instanceof SipError && error.answerable) return response(error.answerable, error.status, error.reason);
    throw error;
  }
  throw new Error('it was accepted');
}

describe('a response of our own (RFC 3261 8.2.6)', () => {
  const asked = (): Message =>
    parseMessage(
      invite({
        via: ['SIP/2.0/UDP a;branch=z9hG4bK1,\r\n SIP/2.0/UDP b;branch=z9hG4bK2', 'SIP/2.0/TCP c;branch=z9hG4bK3'],
        headers: ['Timestamp: 54', 'Record-Route: <sip:p;lr>', 'Supported: 100rel', 'Timestamp: 55'],
      }),
    );

  it('has the Vias, From, To, Call-ID and CSeq of its request, and no body', () => {
    const request = asked();
    const answer = parseMessage(response(request, 486, 'Busy Here'));
    expect(answer).to.include({ status: 486, reason: 'Busy Here', method: 'INVITE', callId: request.callId, body: '' });
    expect(answer.values(Header.Via)).to.deep.equal(request.values(Header.Via));
    expect(answer.value(Header.From)).to.equal(request.value(Header.From));
    expect(answer.value(Header.ContentLength)).to.equal('0');
    expect([Header.RecordRoute, Header.Supported, Header.Contact].some((id) => answer.has(id))).to.equal(false);
  });

  it('has a To tag, the same for every retransmission', () => {
    const request = asked();
    const tag = parseMessage(response(request, 404, 'Not Found')).toTag;
    expect(tag).to.have.length.greaterThan(8);
    expect(parseMessage(response(request, 404, 'Not Found')).toTag).to.equal(tag);
  });

  it('has another To tag in another transaction (19.3)', () => {
    const same = { callId: 'c', fromTag: 'f', cseq: 1, branch: 'z9hG4bKb' };
    const others = [{}, { callId: 'd' }, { fromTag: 'g' }, { cseq: 2 }, { branch: 'z9hG4bKc' }, { callId: 'cc' }];
    const tags = others.map((other) => response(parseMessage(invite({ ...same, ...other })), 404, 'Not Found'));
    expect(new Set(tags.map((text) => parseMessage(text).toTag)).size).to.equal(others.length);
  });

  it('is known by its To tag in its ACK, whatever branch that has', () => {
    const same = { callId: 'c', fromTag: 'f', cseq: 1, branch: 'z9hG4bKb' };
    const { toTag } = parseMessage(response(parseMessage(invite(same)), 404, 'Not Found'));
    const isKnown = (given: RequestOptions): boolean => isOfRefusal(parseMessage(ack({ ...same, toTag, ...given })));
    expect([{}, { branch: 'z9hG4bKc' }].map(isKnown)).to.deep.equal([true, true]);
    const others = [{ callId: 'd' }, { fromTag: 'g' }, { cseq: 2 }, { toTag: `${toTag}1` }, { toTag: 'to-1' }];
    expect(others.filter(isKnown)).to.deep.equal([]);
  });

  it('has the To tag it is given, unless there is one already', () => {
    const request = asked();
    expect(parseMessage(response(request, 200, 'OK', [], 'mine')).toTag).to.equal('mine');
    expect(parseMessage(response(parseMessage(bye({ toTag: 'theirs' })), 200, 'OK', [], 'mine')).toTag).to.equal(
      'theirs',
    );
  });

  it('with status 100 has no To tag, but Timestamp (8.2.6.1)', () => {
    const request = asked();
    const trying = parseMessage(response(request, 100, 'Trying'));
    expect(trying.toTag).to.equal('');
    expect(trying.values(Header.Timestamp)).to.deep.equal(['54']);
    expect(parseMessage(response(request, 180, 'Ringing')).has(Header.Timestamp)).to.equal(false);
  });

  it('has the lines it is given', () => {
    const request = asked();
    const answer = parseMessage(
      response(request, 503, 'Service Unavailable', ['Retry-After: 5', 'Warning: 399 p "x"']),
    );
    expect(answer.value(Header.RetryAfter)).to.equal('5');
    expect(answer.has(Header.Warning)).to.equal(true);
  });

  it('is no fault itself where the request repeats what it may not', () => {
    const given = { callId: 'c1', fromTag: 'f1', cseq: 1 };
    for (const more of ['Call-ID: c2', 'To: <sip:other@h>', 'From: <sip:other@h>;tag=f2', 'CSeq: 2 INVITE']) {
      const answer = refusal(invite({ ...given, headers: [more] }));
      expect(parseMessage(answer)).to.include({ ...given, status: 400, reason: `Repeated ${more.split(':')[0]}` });
    }
  });

  it('has no second tag where what is wrong with a To is its tag', () => {
    for (const tag of [';tag=', ';tag', '; TAG', ';x; tag = ""', ';tag;x', ';tag=1;tag=2'])
      expect(refusal(invite({ to: `<sip:bob@h>${tag}` })), tag).to.include(`\r\nTo: <sip:bob@h>${tag}\r\n`);
    for (const none of [';tagged=1', ';tag2', ';xtag=1', ';tag/1'])
      expect(refusal(invite({ to: `<sip:bob@h>${none}`, headers: ['CSeq: 2 INVITE'] })), none).to.match(
        /;tag=\w{9,}\r/,
      );
  });

  it('tags a To whose display name only looks as if it had a tag', () => {
    const request = parseMessage(invite({ to: '"Bob;tag=1" <sip:bob@h>' }));
    expect(parseMessage(response(request, 404, 'Not Found', [], 't')).toTag).to.equal('t');
  });

  it('tags a folded To and one without angle brackets where a tag belongs', () => {
    const text = invite({ to: '<sip:b@c>' }).replace('To: <sip:b@c>', 'To:\r\n sip:b@c ;x=y  ');
    expect(response(parseMessage(text), 480, 'x', [], 't')).to.include('\r\nTo:\r\n sip:b@c ;x=y;tag=t\r\n');
  });
});

describe('reasonPhrase', () => {
  it('knows the usual phrases and falls back to the class', () => {
    expect(reasonPhrase(483)).to.equal('Too Many Hops');
    expect(reasonPhrase(440)).to.equal('Max-Breadth Exceeded');
    expect(reasonPhrase(599)).to.equal('Server Error');
    expect([100, 699].map(reasonPhrase)).to.deep.equal(['Trying', 'Failure']);
    expect([99, 700, 1000].map(reasonPhrase)).to.deep.equal(['', '', '']);
  });
});
