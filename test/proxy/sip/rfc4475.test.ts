import { expect } from 'chai';
import { Header } from '../../../proxy/sip/header.ts';
import { parseMessage, type Message } from '../../../proxy/sip/message.ts';
import { parseNameAddr } from '../../../proxy/sip/name-addr.ts';
import { SipError } from '../../../proxy/sip/sip-error.ts';
import { parseUri, unescapeUser, uriEquals } from '../../../proxy/sip/uri.ts';
import { parseVia } from '../../../proxy/sip/via.ts';

/** Lines to a message; one that is '' ends the head, as in the RFC's listings. */
function message(...lines: string[]): string {
  return lines.join('\r\n').concat(lines.includes('') ? '' : '\r\n\r\n');
}

function refusal(...lines: string[]): string {
  try {
    parseMessage(message(...lines));
  } catch (error) {
    if (error instanceof SipError) return error.message;
    throw error;
  }
  return 'accepted';
}

const REST = [
  'Max-Forwards: 70',
  'From: sip:caller@example.net;tag=242etr',
  'To: sip:user@example.com',
  'Call-ID: rest.230489sdfkj@example.com',
  'CSeq: 8 INVITE',
  'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKkdjuw',
  'l: 0',
];

function rest(changes: Record<string, string>): string[] {
  return REST.map((line) => changes[line.split(':')[0] ?? ''] ?? line).filter((line) => line !== '');
}

describe('RFC 4475 valid messages', () => {
  it('3.1.1.1 a short tortuous INVITE', () => {
    const invite = parseMessage(
      message(
        'INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0',
        'TO :',
        ' sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n',
        'from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>',
        '  ;',
        '  tag = 98asjd8',
        'MaX-fOrWaRdS: 0068',
        'Call-ID: wsinv.ndaksdj@192.0.2.1',
        'Content-Length   : 9',
        'cseq: 0009',
        '  INVITE',
        'Via  : SIP  /   2.0',
        ' /UDP',
        '    192.0.2.2;branch=390skdjuw',
        's :',
        'NewFangledHeader:   newfangled value',
        ' continued newfangled value',
        'UnknownHeaderWithUnusualValue: ;;,,;;,;',
        'Content-Type: application/sdp',
        'Route:',
        ' <sip:services.example.com;lr;unknownwith=value;unknown-no-value>',
        'v:  SIP  / 2.0  / TCP     spindle.example.com   ;',
        '  branch  =   z9hG4bK9ikj8  ,',
        ' SIP  /    2.0   / UDP  192.168.255.111   ; branch=',
        ' z9hG4bK30239',
        'm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =',
        '      newvalue ;',
        '  secondparam ; q = 0.33',
        '',
        'v=0\r\no=-\r\n',
      ),
    );
    expect(invite).to.include({ toTag: '1918181833n', fromTag: '98asjd8', maxForwards: 68, cseq: 9 });
    expect(invite.body).to.equal('v=0\r\no=-\r');
    expect(invite.via).to.include({ transport: 'UDP', host: '192.0.2.2', branch: '390skdjuw' });
    const vias = invite.values(Header.Via).map((value) => parseVia(value).branch);
    expect(vias).to.deep.equal(['390skdjuw', 'z9hG4bK9ikj8', 'z9hG4bK30239']);
    expect(invite.value(Header.Subject)).to.equal('');
    expect(invite.value(Header.Route)).to.equal('<sip:services.example.com;lr;unknownwith=value;unknown-no-value>');
    const [contact] = invite.values(Header.Contact);
    expect(parseNameAddr(contact ?? '')).to.include({
      display: 'Quoted string ""',
      params: '; newparam = newvalue ; secondparam ; q = 0.33',
    });
    expect(invite.fieldCount).to.equal(14);
  });

  it('3.1.1.2 a wide range of characters', () => {
    const method = "!interesting-Method0123456789_*+`.%indeed'~";
    const uri =
      "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com";
    const odd = parseMessage(
      message(
        `${method} ${uri} SIP/2.0`,
        "Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~",
        'To: "BEL:\\\x07 NUL:\\\0 DEL:\\\x7f" <sip:1_unusual.URI~(to-be!sure)&isn\'t+it$/crazy?,/;;*@example.com>',
        "From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%=\"\xd1\x80\xd0\xb0\";tag=_token~1'+`*%!-.",
        'Call-ID: intmeth.word%ZK-!.*_+\'@word`~)(><:\\/"][?}{',
        `CSeq: 139122385 ${method}`,
        'Max-Forwards: 255',
        "extensionHeader-!.%*+_`'~:\xef\xbb\xbf\xe5\xa4\xa7\xe5\x81\x9c\xe9\x9b\xbb",
        'Content-Length: 0',
      ),
    );
    expect(odd).to.include({
      method,
      uri,
      fromTag: "_token~1'+`*%!-.",
      callId: 'intmeth.word%ZK-!.*_+\'@word`~)(><:\\/"][?}{',
    });
    expect(parseUri(odd.uri)).to.include({
      host: 'example.com',
      password: "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)",
    });
  });

  it('3.1.1.3 escapes in URIs', () => {
    const uri = parseUri('sip:sips%3Auser%40example.com@example.net');
    expect(unescapeUser(uri.user)).to.equal('sips:user@example.com');
    expect(uriEquals(parseUri('sip:%75se%72@example.com'), parseUri('sip:user@example.com'))).to.equal(true);
  });

  it('3.1.1.4 escaped nulls', () => {
    expect(unescapeUser(parseUri('sip:null-%00-null@example.com').user)).to.equal('null-\0-null');
    expect(uriEquals(parseUri('sip:%00@host5.example.com'), parseUri('sip:%00%00@host5.example.com'))).to.equal(false);
  });

  it('3.1.1.5 percents that are no escapes: methods and header names are not unescaped', () => {
    const register = parseMessage(
      message(
        'RE%47IST%45R sip:registrar.example.com SIP/2.0',
        'To: "%Z%45" <sip:resource@example.com>',
        'From: "%Z%45" <sip:resource@example.com>;tag=f232jadfj23',
        'Call-ID: esc02.asdfnqwo34rq23i34jrjasdcnl23nrlknsdf',
        'Via: SIP/2.0/TCP host.example.com;branch=z9hG4bK209%fzsnel234',
        'CSeq: 29344 RE%47IST%45R',
        'Max-Forwards: 70',
        'Contact: <sip:alias1@host1.example.com>',
        'C%6Fntact: <sip:alias2@host2.example.com>',
        'Contact: <sip:alias3@host3.example.com>',
        'l: 0',
      ),
    );
    expect(register.method).to.equal('RE%47IST%45R');
    expect(register.values(Header.Contact)).to.have.length(2);
    expect(register.via.branch).to.equal('z9hG4bK209%fzsnel234');
  });

  it('3.1.1.6 no LWS between display name and angle bracket', () => {
    expect(
      parseMessage(
        message('INVITE sip:user@example.com SIP/2.0', ...rest({ From: 'From: caller<sip:c@e.com>;tag=323' })),
      ).fromTag,
    ).to.equal('323');
  });

  it('3.1.1.7 long values', () => {
    const long = 'long'.repeat(200);
    const invite = parseMessage(
      message(
        'INVITE sip:user@example.com SIP/2.0',
        `To: "I have a user name of ${long} proportion"<sip:user@example.com:6000;p=${long};${long}=v;${long}>`,
        `F: sip:${long}@example.net;tag=${long};${long}=${long};${long}`,
        `Call-ID: ${long}`,
        'CSeq: 3882340 INVITE',
        `Unknown-${long}-Name: unknown-${long}-value; a = b`,
        ...Array.from({ length: 33 }, (_, i) => `${i % 2 ? 'v ' : 'ViA'}: SIP/2.0/TCP sip${33 - i}.example.com`),
        `Via: SIP/2.0/TCP host.example.com;received=192.0.2.5;branch=${long}`,
        'l: 0',
      ),
    );
    expect(invite).to.include({ fromTag: long, callId: long });
    expect(invite.values(Header.Via)).to.have.length(34);
  });

  it('3.1.1.8 more octets in a datagram than its message', () => {
    const text = message('INVITE sip:user@example.com SIP/2.0', ...REST);
    expect(parseMessage(`${text}INVITE sip:other@example.com SIP/2.0\r\n`).text).to.equal(text);
  });

  it('3.1.1.9 semicolon in a user, 3.1.1.10 many transports', () => {
    expect(unescapeUser(parseUri('sip:user;par=u%40example.net@example.com').user)).to.equal('user;par=u@example.net');
    const transports = ['UDP', 'SCTP', 'TLS', 'UNKNOWN', 'TCP'];
    const options = parseMessage(
      message(
        'INVITE sip:user@example.com SIP/2.0',
        ...rest({
          Via: transports.map((name) => `Via: SIP/2.0/${name} t.example.com;branch=z9hG4bK${name}`).join('\r\n'),
        }),
      ),
    );
    expect(options.values(Header.Via).map((value) => parseVia(value).transport)).to.deep.equal(transports);
  });

  it('3.1.1.12 an unusual reason phrase, 3.1.1.13 an empty one', () => {
    const reason = '= 2**3 * 5**2 \xd0\xbd\xd0\xbe \xd1\x81\xd1\x82\xd0\xbe';
    expect(parseMessage(message(`SIP/2.0 200 ${reason}`, ...REST)).reason).to.equal(reason);
    expect(parseMessage(message('SIP/2.0 100 ', ...REST))).to.include({ status: 100, reason: '' });
  });
});

describe('RFC 4475 invalid messages', () => {
  const start = 'INVITE sip:user@example.com SIP/2.0';

  it('3.1.2.1 extraneous separators in Via', () => {
    expect(refusal(start, ...rest({ Via: 'Via: SIP/2.0/UDP 192.0.2.15;;,;,,' }))).to.equal('400 Bad Via');
  });

  it('3.1.2.2 Content-Length larger than the message, 3.1.2.3 a negative one', () => {
    expect(refusal(start, ...rest({ l: 'Content-Length: 9999' }))).to.equal('400 Bad Content-Length');
    expect(refusal(start, ...rest({ l: 'Content-Length: -999' }))).to.equal('400 Bad Content-Length');
  });

  it('3.1.2.4 and 5 numbers out of range', () => {
    expect(refusal(start, ...rest({ CSeq: 'CSeq: 36893488147419103232 INVITE' }))).to.equal('400 Bad CSeq');
    expect(refusal(start, ...rest({ 'Max-Forwards': 'Max-Forwards: 300' }))).to.equal('accepted');
    expect(refusal('SIP/2.0 503 x', ...rest({ CSeq: 'CSeq: 9292394834772304023312 INVITE' }))).to.equal('400 Bad CSeq');
  });

  it('3.1.2.6 a quoted string left open', () => {
    expect(refusal(start, ...rest({ To: 'To: "Mr. J. User <sip:j.user@example.com>' }))).to.equal('400 Bad To');
  });

  it('3.1.2.7 angle brackets, 3.1.2.8 to 10 LWS in the Request-Line', () => {
    expect(refusal('INVITE <sip:user@example.com> SIP/2.0', ...REST)).to.equal('400 Bad Request-URI');
    expect(refusal('INVITE sip:user@example.com; lr SIP/2.0', ...REST)).to.equal('400 Bad Request-URI');
    expect(refusal('INVITE  sip:user@example.com  SIP/2.0', ...REST)).to.equal('400 Bad Request-URI');
    expect(refusal(`${start}  `, ...REST)).to.equal('400 Bad Request-Line');
  });

  it('3.1.2.11 headers in the Request-URI are refused', () => {
    const uri = 'sip:user@example.com?Route=%3Csip:example.com%3E';
    expect(refusal(`INVITE ${uri} SIP/2.0`, ...REST)).to.equal('400 Bad Request-URI');
    expect(parseUri(uri).headers).to.equal('?Route=%3Csip:example.com%3E');
  });

  it("3.1.2.12 a bad time zone is nobody's business here", () => {
    expect(refusal(start, ...REST, 'Date: Fri, 01 Jan 2010 16:00:00 EST')).to.equal('accepted');
  });

  it('3.1.2.13 a bare addr-spec with a question mark', () => {
    expect(() => parseNameAddr('sip:user@example.com?Route=%3Csip:sip.example.com%3E')).to.throw(SipError);
  });

  it('3.1.2.14 spaces around an addr-spec are refused, 3.1.2.15 a comma in an unquoted display name is taken', () => {
    expect(refusal(start, ...rest({ To: 'To: "Watson, Thomas" < sip:t.watson@example.org >' }))).to.equal('400 Bad To');
    expect(refusal(start, ...rest({ From: 'From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43' }))).to.equal(
      'accepted',
    );
  });

  it('3.1.2.16 an unknown protocol version', () => {
    expect(
      refusal(
        'INVITE sip:t.watson@example.org SIP/7.0',
        ...rest({ Via: 'Via: SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw' }),
      ),
    ).to.equal('505 Version Not Supported');
  });

  it('3.1.2.17 and 18 CSeq with another method', () => {
    expect(refusal('OPTIONS sip:user@example.com SIP/2.0', ...REST)).to.equal('400 CSeq Method Mismatch');
    expect(refusal('NEWMETHOD sip:user@example.com SIP/2.0', ...REST)).to.equal('400 CSeq Method Mismatch');
  });

  it('3.1.2.19 an oversized response code', () => {
    expect(refusal('SIP/2.0 4294967301 better not break the receiver', ...REST)).to.equal('400 Bad Start Line');
  });
});

describe('RFC 4475 transaction and application layer', () => {
  const start = 'INVITE sip:user@example.com SIP/2.0';

  it('3.2.1 a branch of only the magic cookie is read as it is', () => {
    const invite: Message = parseMessage(message(start, ...rest({ Via: 'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK' })));
    expect(invite.via.branch).to.equal('z9hG4bK');
  });

  it('3.3.1 missing header fields', () => {
    expect(refusal(start, ...rest({ From: '', To: '', 'Call-ID': '' }))).to.equal('400 Missing From');
  });

  it("3.3.2 to 4 unknown schemes are not this layer's to refuse", () => {
    expect(refusal('INVITE nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0', ...REST)).to.equal('accepted');
    expect(refusal('INVITE soap.beep://192.0.2.103:3002 SIP/2.0', ...rest({ To: 'To: isbn:2983792873' }))).to.equal(
      'accepted',
    );
  });

  it('3.3.8 several values where one is allowed', () => {
    expect(refusal(start, ...REST, 'CSeq: 59 INVITE')).to.equal('400 Repeated CSeq');
    expect(refusal(start, ...REST, 'Max-Forwards: 5')).to.equal('400 Repeated Max-Forwards');
  });

  it('3.3.9 several Content-Lengths', () => {
    expect(refusal(start, ...REST, 'Content-Length: 7')).to.equal('400 Repeated Content-Length');
  });

  it('3.4.1 an INVITE of RFC 2543', () => {
    const invite = parseMessage(
      message(
        'INVITE sip:UserB@example.com SIP/2.0',
        'Via: SIP/2.0/UDP iftgw.example.com',
        'From: <sip:+13035551111@ift.client.example.net;user=phone>',
        'Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>',
        'To: sip:+16505552222@ss1.example.net;user=phone',
        'Call-ID: inv2543.1717@ift.client.example.com',
        'CSeq: 56 INVITE',
        'Content-Type: application/sdp',
        '',
        'v=0\r\n',
      ),
    );
    expect(invite).to.include({ fromTag: '', maxForwards: -1, body: 'v=0\r\n' });
    expect(invite.via.branch).to.equal('');
  });
});
