import { expect } from 'chai';
import fc from 'fast-check';
import { parseMessage } from '../../../proxy/sip/message.ts';
import { SipError } from '../../../proxy/sip/sip-error.ts';
import { KEEPALIVE, StreamFramer } from '../../../proxy/sip/stream.ts';
import { invite, options, respond } from '../../builders.ts';
import { hostile, runs, wellFormed } from './arbitrary.ts';

const LIMITS = { maxBytes: 2000, maxFields: 256, maxUri: 4096 };

/** All that comes out of a stream that arrives in these chunks; a failure as its message, last. */
function frame(chunks: readonly string[], limits = LIMITS): string[] {
  const framer = new StreamFramer(limits);
  const out: string[] = [];
  try {
    for (const chunk of chunks) {
      framer.push(chunk);
      for (let text = framer.next(); text !== undefined; text = framer.next()) out.push(text);
    }
  } catch (error) {
    if (!(error instanceof SipError)) throw error;
    out.push(`${error.message}${error.answerable === undefined ? '' : ` to ${error.answerable.callId}`}`);
  }
  return out;
}

function cut(text: string, sizes: readonly number[]): string[] {
  const chunks: string[] = [];
  let at = 0;
  for (const size of sizes) {
    chunks.push(text.slice(at, at + size));
    at += size;
  }
  return [...chunks, text.slice(at)];
}

function failure(text: string): SipError {
  const framer = new StreamFramer(LIMITS);
  framer.push(text);
  try {
    framer.next();
  } catch (error) {
    if (error instanceof SipError) return error;
  }
  throw new Error('it was accepted');
}

describe('a stream', () => {
  it('is cut into messages by Content-Length', () => {
    const [one, two] = [invite(), respond(options(), 200)];
    expect(frame([one + two])).to.deep.equal([one, two]);
  });

  it('gives the compact, folded and oddly spaced Content-Length its due', () => {
    for (const line of ['l:3', 'CONTENT-LENGTH : 3', 'Content-Length:\r\n 3', 'l:\r\n\t3', 'L: 003 ']) {
      const one = `OPTIONS sip:a SIP/2.0\r\nX: y\r\n${line}\r\n\r\nabc`;
      expect(frame([one + one]), line).to.deep.equal([one, one]);
    }
  });

  it('is not misled by what looks like a head in a body', () => {
    const one = invite({ body: 'a\r\n\r\nContent-Length: 99\r\n\r\n' });
    expect(frame([one, one])).to.deep.equal([one, one]);
  });

  it('is not misled by what looks like a field in a fold', () => {
    for (const fold of ['\r\n l: 99', '\r\n\tContent-Length: 99', '\r\n \r\n\tl: x']) {
      const one = options({ headers: [`Subject: a${fold}`], body: 'abc' });
      expect(frame([one + one])).to.deep.equal([one, one]);
    }
  });

  it('reports keep-alive pings and skips single CRLFs between messages', () => {
    const one = options();
    expect(frame([`\r\n\r\n${one}\r\n${one}\r\n`, '\r\n', `\r\n\r\n\r\n${one}`])).to.deep.equal([
      KEEPALIVE,
      one,
      one,
      KEEPALIVE,
      KEEPALIVE,
      one,
    ]);
  });

  it('gives the same messages whatever the chunks are', () => {
    const piece = fc.oneof(wellFormed, fc.constantFrom('\r\n', '\r\n\r\n'));
    const stream = fc.oneof(
      fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join('')),
      hostile,
    );
    fc.assert(
      fc.property(stream, fc.array(fc.integer({ min: 1, max: 400 })), (text, sizes) => {
        const whole = frame([text]);
        expect(frame(cut(text, sizes))).to.deep.equal(whole);
        expect(frame([...text])).to.deep.equal(whole);
      }),
      runs(3),
    );
  });

  it('gives messages that parse, one after the other', () => {
    fc.assert(
      fc.property(fc.array(wellFormed, { maxLength: 4 }), (texts) => {
        const framed = frame([texts.join('')]);
        expect(framed).to.deep.equal(texts);
        for (const text of framed) expect(parseMessage(text).text).to.equal(text);
      }),
    );
  });

  it('without Content-Length is hopeless: 400, answerable', () => {
    const error = failure(options({ callId: 'c9' }).replace('Content-Length', 'X-Length'));
    expect(error.message).to.equal('400 Missing Content-Length');
    expect(error.answerable?.callId).to.equal('c9');
  });

  it('with a Content-Length that is no number, or two that differ, is hopeless', () => {
    const colonless = options().replace('Content-Length: 0', 'Content-Length 0');
    expect(failure(colonless).message).to.equal('400 Bad Content-Length');
    for (const value of ['', '-1', '1 2', '0x1', '0\r\nl: 1', ' 1\r\nContent-Length: 01\r\nl: 2']) {
      const error = failure(options().replace('Content-Length: 0', `Content-Length: ${value}`));
      expect(error.message, value).to.equal('400 Bad Content-Length');
    }
  });

  it('with a body above the limit is refused when its head is there, not when its body is', () => {
    const error = failure(options({ callId: 'c9' }).replace('Content-Length: 0', 'Content-Length: 1999'));
    expect(error.message).to.equal('513 Message Too Large');
    expect(error.answerable?.callId).to.equal('c9');
    expect(failure(options().replace('Content-Length: 0', `Content-Length: ${'9'.repeat(400)}`)).status).to.equal(513);
  });

  it('takes a message of just the limit', () => {
    const one = options({ body: 'x'.repeat(100) });
    expect(frame([one + one], { ...LIMITS, maxBytes: one.length })).to.deep.equal([one, one]);
    expect(frame([one], { ...LIMITS, maxBytes: one.length - 1 })[0]).to.match(/^513 /);
  });

  it('with a head that does not end is refused as soon as the limit is passed', () => {
    const endless = options({ callId: 'c9' }).replace('\r\n\r\n', `\r\nX: ${'y'.repeat(3000)}`);
    expect(frame([...endless])).to.deep.equal(['513 Message Too Large to c9']);
    expect(frame(['x'.repeat(2000)])).to.deep.equal([]);
    expect(frame(['x'.repeat(2001)])).to.deep.equal(['513 Message Too Large']);
  });

  it('with more header fields than the limit is refused before its head ends', () => {
    const limits = { ...LIMITS, maxFields: 20 };
    const fields = Array.from({ length: 20 }, (_, i) => `X-${i}: y\r\n folded\r\n`).join('');
    const text = options({ callId: 'c9' }).replace('\r\n\r\n', `\r\n${fields}`);
    for (const chunks of [[text], [...text], [`${text}\r\n`], [...text, '\r\n']])
      expect(frame(chunks, limits)).to.deep.equal(['400 Too Many Header Fields to c9']);
    for (const chunks of [[`${text}\r\n`], [...text, '\r\n']]) {
      expect(frame(chunks, { ...LIMITS, maxFields: 27 })).to.deep.equal([`${text}\r\n`]);
      expect(frame(chunks, { ...LIMITS, maxFields: 26 })).to.deep.equal(['400 Too Many Header Fields to c9']);
    }
  });

  it('whose lines end with LF alone is refused where its head ends', () => {
    const text = options({ callId: 'c9' }).replaceAll('\r\n', '\n');
    for (const chunks of [[text], [...text], [text + options()]])
      expect(frame(chunks)).to.deep.equal(['400 Bad Line End to c9']);
    expect(frame([text.slice(0, -1)])).to.deep.equal([]);
    const many = text.replace('\n\n', '\nX: y'.repeat(300)).concat('\r\n\r\n');
    for (const chunks of [[many], [...many]]) expect(frame(chunks)).to.deep.equal(['400 Bad Line End to c9']);
  });

  it('is cut the same where line feeds alone stand in the middle of a head', () => {
    const one = options({ headers: ['Subject: a\n\nb'] });
    for (const chunks of [[one + one], [...(one + one)], cut(one + one, [200, 30, 30, 30, 30, 30, 100])])
      expect(frame(chunks)).to.deep.equal([one, one]);
  });

  it('stays refused', () => {
    const framer = new StreamFramer(LIMITS);
    framer.push('GET / HTTP/1.1\r\n\r\n');
    expect(() => framer.next()).to.throw(SipError);
    framer.push(options());
    expect(() => framer.next()).to.throw(SipError, '400 Missing Content-Length');
  });

  it('that comes a byte at a time costs no more than its length', () => {
    const limits = { maxBytes: 1_000_000, maxFields: 256, maxUri: 4096 };
    const text = invite({ body: 'x'.repeat(400_000), headers: [`X: ${'y'.repeat(400_000)}`] });
    expect(frame([...text], limits)).to.deep.equal([text]);
  });
});
