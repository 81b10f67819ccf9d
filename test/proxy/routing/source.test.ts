import { expect } from 'chai';
import { nextVia, withTrueSource } from '../../../proxy/routing/source.ts';
import { Header } from '../../../proxy/sip/header.ts';
import { parseMessage } from '../../../proxy/sip/message.ts';
import type { Hop } from '../../../proxy/transport/hop.ts';
import { LISTENER, request, respond } from '../../builders.ts';

const from: Hop = { transport: 'UDP', address: '192.0.2.11', port: 40_000, listener: LISTENER };

/** The top Via of a request with these Via values, once its source was written into it. */
function written(via: string, forced = false): string {
  const message = withTrueSource(parseMessage(request('OPTIONS', { via: [via] })), from, forced);
  return message.fieldValue(message.find(Header.Via));
}

describe('the source of a request', () => {
  it('is not written where the Via is right already', () => {
    expect(written('SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKa')).to.equal(
      'SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKa',
    );
  });

  it('is written as received where the host is another one (RFC 3261 18.2.1)', () => {
    expect(written('SIP/2.0/UDP phone.example.com;branch=z9hG4bKa')).to.equal(
      'SIP/2.0/UDP phone.example.com;branch=z9hG4bKa;received=192.0.2.11',
    );
  });

  it('is written with its port where that was asked for (RFC 3581 4)', () => {
    expect(written('SIP/2.0/UDP 192.0.2.11:5060;rport;branch=z9hG4bKa')).to.equal(
      'SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKa;rport=40000;received=192.0.2.11',
    );
  });

  it('is written with its port where it is forced and differs', () => {
    const via = 'SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKa';
    expect(written(via, true)).to.equal(`${via};rport=40000;received=192.0.2.11`);
    const right = 'SIP/2.0/UDP 192.0.2.11:40000;branch=z9hG4bKa';
    expect(written(right, true)).to.equal(right);
  });

  for (const claimed of [
    ';received=203.0.113.66',
    '; Received = 203.0.113.66',
    ';received=[2001:db8::66]',
    ';received="203.0.113.66"',
    ';received=203.0.113.66;received=203.0.113.67',
  ]) {
    it(`is not believed from the sender: ${claimed}`, () => {
      expect(written(`SIP/2.0/UDP 192.0.2.11:5060${claimed};branch=z9hG4bKa`)).to.equal(
        'SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKa',
      );
    });
  }

  it('is written into the first of several values of a line, whatever commas its parameters hold', () => {
    expect(
      written('SIP/2.0/UDP a.example.com;branch=z9hG4bKa;x="1,2;received=3" , SIP/2.0/UDP b.example.com;branch=b'),
    ).to.equal(
      'SIP/2.0/UDP a.example.com;branch=z9hG4bKa;x="1,2;received=3";received=192.0.2.11, SIP/2.0/UDP b.example.com;branch=b',
    );
  });
});

describe('the next Via of a response', () => {
  const next = (via: string) =>
    nextVia(parseMessage(respond(request('OPTIONS', { via: ['SIP/2.0/UDP 10.1.0.1;branch=z9hG4bKours', via] }), 200)));

  it('leads to its received and rport, else to its sent-by', () => {
    expect(next('SIP/2.0/UDP a.example.com;rport=40000;received=192.0.2.11;branch=b')).to.deep.equal({
      transport: 'UDP',
      address: '192.0.2.11',
      port: 40_000,
    });
    expect(next('SIP/2.0/TLS 192.0.2.11;branch=b')).to.deep.equal({
      transport: 'TLS',
      address: '192.0.2.11',
      port: 5061,
    });
  });

  it('leads nowhere by a transport that is none of ours', () => {
    expect(next('SIP/2.0/SCTP 192.0.2.11;branch=b')).to.equal(undefined);
  });
});
