import { expect } from 'chai';
import fc from 'fast-check';
import { Header } from '../../../proxy/sip/header.ts';
import { type Message, parseMessage } from '../../../proxy/sip/message.ts';
import { response } from '../../../proxy/sip/response.ts';
import { SipError } from '../../../proxy/sip/sip-error.ts';
import { ack, invite, options, respond } from '../../builders.ts';
import { hostile, runs, wellFormed } from './arbitrary.ts';

function head(...lines: string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** A good OPTIONS but for what is given in place of its lines, by the first letters. */
function but(replaced: Record<string, string>): string {
  const good = [
    'OPTIONS sip:bob@example.com SIP/2.0',
    'Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1',
    'Max-Forwards: 70',
    'From: <sip:alice@example.com>;tag=a',
    'To: <sip:bob@example.com>',
    'Call-ID: 1',
    'CSeq: 1 OPTIONS',
    'Content-Length: 0',
  ];
  return head(
    ...good
      .map((line) => Object.entries(replaced).find(([start]) => line.startsWith(start))?.[1] ?? line)
      .filter((line) => line !== ''),
  );
}

function errorOf(text: string, limits?: { maxBytes: number; maxFields: number; maxUri: number }): SipError {
  try {
    parseMessage(text, limits);
  } catch (error) {
    if (error instanceof SipError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('a message', () => {
  it('that is a request gives its start line and what transactions need', () => {
    const message = parseMessage(
      invite({
        uri: 'sip:bob@10.0.0.1',
        fromTag: 'f1',
        callId: 'c1',
        cseq: 42,
        branch: 'z9hG4bKx',
        sentBy: '10.0.0.9:5080',
      }),
    );
    expect(message).to.include({
      isRequest: true,
      method: 'INVITE',
      uri: 'sip:bob@10.0.0.1',
      status: 0,
      reason: '',
      callId: 'c1',
      cseq: 42,
      fromTag: 'f1',
      toTag: '',
      maxForwards: 70,
    });
    expect(message.via).to.include({ branch: 'z9hG4bKx', host: '10.0.0.9', port: 5080, transport: 'UDP', rport: 0 });
    expect(message.body).to.match(/^v=0\r\n/);
  });

  it("that is a response gives its status and its CSeq's method", () => {
    const message = parseMessage(respond(invite(), 486, { reason: 'Busy Here Now', toTag: 't1' }));
    expect(message).to.include({ isRequest: false, method: 'INVITE', uri: '', status: 486, reason: 'Busy Here Now' });
    expect(message.toTag).to.equal('t1');
    expect(message.maxForwards).to.equal(-1);
  });

  it('may lack a reason phrase, and even the space before it', () => {
    for (const start of ['SIP/2.0 200 ', 'SIP/2.0 200', 'sip/2.0 200 ']) {
      expect(parseMessage(but({ OPTIONS: start }))).to.include({ status: 200, reason: '', method: 'OPTIONS' });
    }
  });

  it('gives its fields by index as written, and their offsets', () => {
    const text = but({ Call: 'i  :\r\n\t1@h  ' });
    const message = parseMessage(text);
    expect(message.fieldCount).to.equal(7);
    expect(message.fieldId(4)).to.equal(Header.CallId);
    expect(message.fieldName(4)).to.equal('i');
    expect(message.fieldValue(4)).to.equal('1@h');
    expect(text.slice(message.fieldStart(4), message.fieldEnd(4))).to.equal('i  :\r\n\t1@h  \r\n');
  });

  it('finds fields by id, from an index on', () => {
    const message = parseMessage(options({ route: ['<sip:a;lr>', '<sip:b;lr>'] }));
    const first = message.find(Header.Route);
    expect(message.fieldValue(first)).to.equal('<sip:a;lr>');
    expect(message.find(Header.Route, first + 1)).to.equal(first + 1);
    expect(message.find(Header.Route, first + 2)).to.equal(-1);
    expect(message.value(Header.Via)).to.equal(message.fieldValue(0));
    expect(message.has(Header.Path)).to.equal(false);
    expect(message.value(Header.Path)).to.equal(undefined);
  });

  it('gives every value of a list, over lines and commas', () => {
    const message = parseMessage(
      invite({
        via: ['SIP/2.0/UDP a;branch=1, SIP/2.0/UDP b;branch=2', 'SIP/2.0/UDP c;branch=3'],
        headers: ['Record-Route: <sip:p1;lr>,\r\n <sip:p,2;lr>', 'Date: Sat, 13 Nov 2010 23:29:00 GMT'],
      }),
    );
    expect(message.values(Header.Via).map((value) => value.slice(-1))).to.deep.equal(['1', '2', '3']);
    expect(message.via.branch).to.equal('1');
    expect(message.values(Header.RecordRoute)).to.deep.equal(['<sip:p1;lr>', '<sip:p,2;lr>']);
    expect(message.values(Header.Date)).to.have.length(1);
    expect(message.values(Header.Path)).to.deep.equal([]);
  });

  it('unfolds a value, each fold one space, and lets one be empty', () => {
    const message = parseMessage(
      options({ headers: ["Subject: I know you're there,  \r\n\t  pick up", 'Supported:'] }),
    );
    expect(message.value(Header.Subject)).to.equal("I know you're there, pick up");
    expect(message.value(Header.Supported)).to.equal('');
    expect(message.values(Header.Supported)).to.deep.equal([]);
  });

  it('loses the CRLFs before its start line (RFC 3261 7.5)', () => {
    const text = options();
    expect(parseMessage(`\r\n\r\n${text}`).text).to.equal(text);
    for (const other of ['\r', '\n', '\r\r', 'x\n', '\r\n\r'])
      expect(errorOf(other + text).message, JSON.stringify(other)).to.match(/^400 Bad (Start Line|Line End)$/);
  });

  it('ends where Content-Length says, or without one where the text ends', () => {
    expect(parseMessage(`${but({ Content: 'Content-Length: 3' })}abcdef`).body).to.equal('abc');
    expect(parseMessage(`${but({ Content: '' })}abcdef`).body).to.equal('abcdef');
  });

  it('may have a Max-Forwards of 0, and one too high is lowered to 255 (RFC 4475 3.1.2.4)', () => {
    expect(parseMessage(but({ Max: 'Max-Forwards: 0' })).maxForwards).to.equal(0);
    expect(parseMessage(but({ Max: 'Max-Forwards: 0300' })).maxForwards).to.equal(255);
    expect(parseMessage(but({ Max: '' })).maxForwards).to.equal(-1);
  });

  it('that is a response may say what it likes in Max-Forwards, which means nothing there', () => {
    for (const [value, hops] of [
      ['many', -1],
      ['7', 7],
    ] as const)
      expect(parseMessage(but({ OPTIONS: 'SIP/2.0 200 OK', Max: `Max-Forwards: ${value}` })).maxForwards).to.equal(
        hops,
      );
  });

  it('may have its Via of SIP/2.0 in any case', () => {
    expect(parseMessage(but({ Via: 'Via: sip/2.0/UDP 127.0.0.1;branch=z9hG4bK1' })).via.branch).to.equal('z9hG4bK1');
  });

  it('may have no From tag, as RFC 2543 allowed', () => {
    expect(parseMessage(but({ From: 'From: sip:alice@example.com' })).fromTag).to.equal('');
  });
});

describe('a faulty message', () => {
  const faults: readonly (readonly [string, Record<string, string>])[] = [
    ['400 Missing Via', { Via: '' }],
    ['400 Missing From', { From: '' }],
    ['400 Missing To', { To: '' }],
    ['400 Missing Call-ID', { Call: '' }],
    ['400 Missing CSeq', { CSeq: '' }],
    ['400 Bad Via', { Via: 'Via: SIP/2.0/UDP' }],
    ['400 Bad Via', { Via: 'Via: SIP/3.0/UDP 127.0.0.1;branch=z9hG4bK1' }],
    ['400 Bad Via', { Via: 'Via: XMPP/2.0/UDP 127.0.0.1;branch=z9hG4bK1' }],
    ['400 Bad From', { From: 'From: "open <sip:a@b>' }],
    ['400 Bad To', { To: 'To: <sip:a@b' }],
    ['400 Bad From', { From: 'From: <sip:a@b>;tag=1;tag=2' }],
    ['400 Bad From', { From: 'From: <sip:a@b>;tag=' }],
    ['400 Bad From', { From: 'From: <sip:a@b>;tag' }],
    ['400 Bad To', { To: 'To: <sip:a@b>; TAG = ;x=y' }],
    ['400 Bad To', { To: 'To: <sip:a@b>;tag=""' }],
    ['400 Bad From', { From: 'From: <sip:a@b>;tag=1, <sip:c@d>;tag=2' }],
    ['400 Bad From', { From: 'From: <sip:a\x01@b>;tag=1' }],
    ['400 Bad To', { To: 'To: <sip:a<b@c>' }],
    ['400 Bad To', { To: 'To: <sip:a@b>;x="open' }],
    ['400 Bad Via', { Via: 'Via: SIP/2.0/UDP h;branch=z9hG4bK1;branch=z9hG4bK2' }],
    ['400 Bad Call-ID', { Call: 'Call-ID:' }],
    ['400 Bad Call-ID', { Call: 'Call-ID: a\0b' }],
    ['400 Bad Call-ID', { Call: 'Call-ID: a b' }],
    ['400 Bad Call-ID', { Call: 'Call-ID: a\x7fb' }],
    ['400 Bad From', { From: 'From: <sip:a@b>;tag=1\0' }],
    ['400 Bad To', { To: 'To: <sip:a@b>;x=\x01;y=z' }],
    ['400 Bad Via', { Via: 'Via: SIP/2.0/UDP h;branch=z9hG4bK\x001' }],
    ['400 Bad CSeq', { CSeq: 'CSeq: 1' }],
    ['400 Bad CSeq', { CSeq: 'CSeq: x OPTIONS' }],
    ['400 Bad CSeq', { CSeq: 'CSeq: 4294967296 OPTIONS' }],
    ['400 Bad CSeq', { CSeq: 'CSeq: 2147483648 OPTIONS' }],
    ['400 Bad CSeq', { CSeq: 'CSeq: 1 OPTIONS more' }],
    ['400 CSeq Method Mismatch', { CSeq: 'CSeq: 1 INVITE' }],
    ['400 Bad Max-Forwards', { Max: 'Max-Forwards: many' }],
    ['400 Bad Content-Length', { Content: 'Content-Length: 1' }],
    ['400 Bad Content-Length', { Content: 'Content-Length: -999' }],
    ['400 Bad Content-Length', { Content: 'Content-Length:' }],
    ['400 Repeated Content-Length', { Content: 'Content-Length: 0\r\nl: 0' }],
    ['400 Repeated To', { To: 'To: <sip:a@b>\r\nTo: <sip:a@b>' }],
    ['400 Repeated Call-ID', { Call: 'Call-ID: 1\r\ni: 2' }],
    ['400 Bad Header Field', { Max: 'no colon here' }],
    ['400 Bad Header Field', { Max: ': value' }],
    ['400 Bad Header Field', { Max: 'Bad Name: value' }],
    ['400 Bad Header Field', { Via: ' folded: start line\r\nVia: SIP/2.0/UDP 127.0.0.1' }],
    ['400 Bad Line End', { Max: 'Subject: a\nP-Asserted-Identity: <sip:boss@example.com>' }],
    ['400 Bad Line End', { Max: 'Subject: a\rP-Asserted-Identity: <sip:boss@example.com>' }],
    ['400 Bad Request-Line', { OPTIONS: 'OPTIONS\tsip:a@b\tSIP/2.0' }],
    ['400 Bad Request-Line', { OPTIONS: 'OPTIONS\tsip:a@b SIP/2.0' }],
    ['400 Bad Request-Line', { OPTIONS: 'OPTIONS sip:a@b\tSIP/2.0' }],
    ['400 Bad Request-Line', { OPTIONS: 'OPTIONS sip:a@b' }],
    ['400 Bad Request-Line', { OPTIONS: 'OPTIONS sip:a@b SIP/2.0 ' }],
    ['400 Bad Request-Line', { OPTIONS: 'OPTIONS sip:a@b HTTP/1.1' }],
    ['400 Bad Request-URI', { OPTIONS: 'OPTIONS  sip:a@b SIP/2.0' }],
    ['400 Bad Request-URI', { OPTIONS: 'OPTIONS sip:a@b; lr SIP/2.0' }],
    ['400 Bad Request-URI', { OPTIONS: 'OPTIONS <sip:a@b> SIP/2.0' }],
    ['400 Bad Request-URI', { OPTIONS: 'OPTIONS bob SIP/2.0' }],
    ['400 Bad Request-URI', { OPTIONS: 'OPTIONS sip:a%4@b SIP/2.0' }],
    ['400 Bad Request-URI', { OPTIONS: 'OPTIONS tel:+1%zz SIP/2.0' }],
    ['400 Bad Request-URI', { OPTIONS: 'OPTIONS sip:a@[2001:db8::12345] SIP/2.0' }],
    ['400 Bad Request-URI', { OPTIONS: 'OPTIONS sip:a@b;method=INVITE SIP/2.0' }],
    ['400 Bad Request-URI', { OPTIONS: 'OPTIONS sip:a@b;m%65thod SIP/2.0' }],
    ['400 Bad Request-URI', { OPTIONS: 'OPTIONS sip:a@b;transport=udp;transport=tcp SIP/2.0' }],
    ['505 Version Not Supported', { OPTIONS: 'OPTIONS sip:a@b SIP/7.0' }],
  ];
  for (const [expected, replaced] of faults) {
    it(`is refused: ${expected}, ${JSON.stringify(Object.values(replaced)[0])}`, () => {
      const error = errorOf(but(replaced));
      expect(error.message).to.equal(expected);
      const hasVia = expected !== '400 Missing Via';
      expect(error.answerable !== undefined, 'answerable').to.equal(hasVia);
      if (error.answerable === undefined) return;
      const answer = response(error.answerable, error.status, error.reason, error.headers);
      expect(answer).to.match(/^SIP\/2\.0 \d+ [^\r]+\r\nVia: ?\S/);
      expect(answer.replaceAll('\r\n', '')).to.not.match(/[\r\n]/);
    });
  }

  it('has nothing where something is missing', () => {
    for (const [line, noun] of [
      ['Call', 'callId'],
      ['From', 'fromTag'],
      ['To', 'toTag'],
    ] as const)
      expect(errorOf(but({ [line]: '' })).answerable).to.include({ [noun]: '', method: 'OPTIONS' });
  });

  it('without an empty line is refused, and answered if a whole Via came', () => {
    const text = but({});
    expect(errorOf(text.slice(0, -2)).message).to.equal('400 Missing Empty Line');
    expect(errorOf(text.slice(0, -2)).answerable?.via.branch).to.equal('z9hG4bK1');
    expect(errorOf(text.slice(0, text.indexOf('branch'))).answerable).to.equal(undefined);
  });

  it('whose lines end with LF alone is answered in lines that end as they must', () => {
    for (const text of [but({}), `\r\n${but({})}`, `\r\n\r\n${but({})}`]) {
      const error = errorOf(text.replaceAll('\r\n', '\n'));
      expect(error.message).to.equal('400 Bad Line End');
      if (error.answerable === undefined) throw new Error('it can be answered');
      const answer = response(error.answerable, error.status, error.reason);
      expect(answer.replaceAll('\r\n', '')).to.not.match(/[\r\n]/);
      expect(parseMessage(answer)).to.include({ status: 400, callId: '1', cseq: 1 });
    }
    const foreign = but({ OPTIONS: 'SIP/2.0 200 OK' }).replaceAll('\r\n', '\n');
    expect(errorOf(foreign).answerable).to.equal(undefined);
  });

  it('with a wrong tag in To is answered with what it has, and no tag more', () => {
    for (const To of ['To: <sip:a@b>;tag=', 'To: <sip:a@b>;tag', 'To: <sip:a@b>;tag=1;tag=2']) {
      for (const more of [{}, { Via: 'Via: x' }]) {
        const error = errorOf(but({ To, ...more }));
        if (error.answerable === undefined) throw new Error('it can be answered');
        expect(response(error.answerable, 400, 'Bad To', [], 'ours')).to.include(`\r\n${To}\r\n`);
      }
    }
  });

  it('that is a response goes to who asked, whatever tags its user agent made of it', () => {
    for (const [To, tag] of [
      ['<sip:a@b>;tag=1;tag=2', '1'],
      ['<sip:a@b>;tag=1, <sip:c@d>;tag=2', '1'],
      ['<sip:a@b>;tag=', ''],
      ['<sip:a@b>;x="open', ''],
    ] as const)
      expect(parseMessage(but({ OPTIONS: 'SIP/2.0 200 OK', To: `To: ${To}` })).toTag, To).to.equal(tag);
  });

  it('that is an ACK has the To of the response that it is for, whatever that is (RFC 3261 17.1.1.3)', () => {
    for (const [To, tag] of [
      ['<sip:a@b>;tag=1;tag=2', '1'],
      ['<sip:a@b>;tag=', ''],
    ] as const) {
      const text = but({ OPTIONS: 'ACK sip:a@b SIP/2.0', CSeq: 'CSeq: 1 ACK', To: `To: ${To}` });
      expect(parseMessage(text).toTag, To).to.equal(tag);
      expect(errorOf(text.replace('From: ', 'From: <sip:x@y>;tag=5, ')).reason).to.equal('Bad From');
    }
  });

  it('with one tag twice means what it says once: SIPp adds its own to what it was sent', () => {
    expect(parseMessage(but({ To: 'To: <sip:a@b>;tag=7;tag=7' })).toTag).to.equal('7');
  });

  it('below the topmost Via is nobody\u2019s business on the way (RFC 3261 16.3 step 1)', () => {
    for (const below of ['SIP/2.0/UDP [::::]', 'SIP/3.0/UDP h;branch=1;branch=2', '?', '']) {
      const text = but({ Via: `Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nVia: ${below}` });
      expect(parseMessage(text).via.branch).to.equal('z9hG4bK1');
    }
  });

  it('that is a response or an ACK is never answerable', () => {
    expect(errorOf(but({ OPTIONS: 'SIP/2.0 200 OK', Call: '' })).answerable).to.equal(undefined);
    expect(errorOf(ack().replace('CSeq', 'X-CSeq')).answerable).to.equal(undefined);
  });

  it('that is a response with an impossible status is refused', () => {
    for (const start of [
      'SIP/2.0 4294967301 better not break',
      'SIP/2.0 99 x',
      'SIP/2.0 700 x',
      'SIP/2.0 20 OK',
      'SIP/2.0 2x0 OK',
    ]) {
      expect(errorOf(but({ OPTIONS: start })).message, start).to.equal('400 Bad Start Line');
    }
  });

  it('that is empty, only CRLFs, or no SIP at all is dropped', () => {
    for (const text of ['', '\r\n', '\r\n\r\n', 'hello', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', '\0\0\0\0']) {
      const error = errorOf(text);
      expect(error.status).to.equal(400);
      expect(error.answerable).to.equal(undefined);
    }
  });

  it('with too many header fields gets 400 with what was read', () => {
    const text = options({ headers: Array.from({ length: 300 }, (_, i) => `X-${i}: y`) });
    const error = errorOf(text);
    expect(error.message).to.equal('400 Too Many Header Fields');
    expect(error.answerable?.fieldCount).to.equal(256);
    expect(parseMessage(text, { maxBytes: 65536, maxFields: 400, maxUri: 4096 }).fieldCount).to.be.greaterThan(300);
  });

  it('is one above the limits, none at them', () => {
    const text = but({ OPTIONS: 'OPTIONS sip:bob@h SIP/2.0' });
    const exact = { maxBytes: text.length, maxFields: 7, maxUri: 'sip:bob@h'.length };
    expect(parseMessage(text, exact).fieldCount).to.equal(7);
    expect(errorOf(text, { ...exact, maxBytes: text.length - 1 }).message).to.equal('513 Message Too Large');
    expect(errorOf(text, { ...exact, maxFields: 6 }).message).to.equal('400 Too Many Header Fields');
    expect(errorOf(text, { ...exact, maxUri: exact.maxUri - 1 }).message).to.equal('414 Request-URI Too Long');
  });

  it('is one above the limits, whatever else is wrong', () => {
    const text = but({ OPTIONS: 'OPTIONS bob SIP/2.0', Call: '' });
    expect(errorOf(text).message).to.equal('400 Bad Request-URI');
    expect(errorOf(text, { maxBytes: 100, maxFields: 2, maxUri: 100 }).message).to.equal('513 Message Too Large');
    expect(errorOf(text, { maxBytes: 1000, maxFields: 2, maxUri: 100 }).message).to.equal('400 Bad Request-URI');
    expect(errorOf(but({ Call: '', To: 'To: <' })).message).to.equal('400 Bad To');
  });

  it('that is a start line alone has no head', () => {
    for (const end of ['', '\r\n']) {
      const error = errorOf(`OPTIONS sip:a@b SIP/2.0${end}`);
      expect(error).to.include({ message: '400 Missing Empty Line', answerable: undefined });
    }
  });

  it('that is too large gets 513', () => {
    const error = errorOf(invite({ body: 'x'.repeat(70_000) }));
    expect(error.message).to.equal('513 Message Too Large');
    expect(error.answerable?.method).to.equal('INVITE');
  });
});

describe('parseMessage', () => {
  it('accepts every well-formed message and keeps its text', () => {
    fc.assert(
      fc.property(wellFormed, (text) => {
        const message = parseMessage(text);
        expect(message.text).to.equal(text);
        expect(message).to.include({ callId: '1@192.0.2.1', cseq: 7, fromTag: 'a1', toTag: '', method: 'INVITE' });
        expect(message.via.branch).to.equal('z9hG4bK1');
      }),
    );
  });

  it('throws nothing but SipError, whatever comes, and what it throws can be answered if it says so', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        try {
          readAll(parseMessage(text));
        } catch (error) {
          if (!(error instanceof SipError)) throw error;
          if (error.answerable === undefined) return;
          readAll(error.answerable);
          const answer = response(error.answerable, error.status, error.reason, error.headers);
          expect(answer.replaceAll('\r\n', '')).to.not.match(/[\r\n]/);
          expect(answer.indexOf('\r\n\r\n')).to.equal(answer.length - 4);
        }
      }),
      runs(30),
    );
  });
});

function readAll(message: Message): void {
  for (let i = 0; i < message.fieldCount; i++) {
    expect(message.fieldEnd(i)).to.be.greaterThan(message.fieldStart(i));
    expect(message.fieldValue(i)).to.not.match(/[\r\n]/);
    message.fieldName(i);
  }
  for (const id of Object.values(Header)) message.values(id);
  expect(message.body.length).to.equal(message.text.length - message.bodyStart);
}
