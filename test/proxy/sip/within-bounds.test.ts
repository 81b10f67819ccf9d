import { expect } from 'chai';
import { cseqAt } from '../../../proxy/sip/cseq.ts';
import {
  decimal,
  equalsIgnoreCase,
  hostText,
  skipComment,
  skipHost,
  skipLws,
  skipQuoted,
  skipScheme,
  skipToken,
  trimEnd,
  unfold,
} from '../../../proxy/sip/grammar.ts';
import { headerIdAt } from '../../../proxy/sip/header.ts';
import { afterFirstValue, splitList, valueEnd } from '../../../proxy/sip/list.ts';
import { addressEnd } from '../../../proxy/sip/name-addr.ts';
import { paramAt, skipParamValue } from '../../../proxy/sip/param.ts';
import { methodText, readStartLine } from '../../../proxy/sip/start-line.ts';
import { viaAt } from '../../../proxy/sip/via.ts';

/** Of many kinds: wherever one is cut, something that would go on lies behind. */
const TEXTS = [
  'SIP / 2.0 / UDP [2001:db8::9]:5060 ; branch = z9hG4bK1;rport=5061 ;received=192.0.2.1;x="a,b;\\"c" , SIP/2.0/TCP h',
  'SIP/2.0/TLS proxy.example.com:5061;rport;branch=z9hG4bK2;ttl=1',
  '"A, \\"quoted\\" name" <sip:alice@example.com;transport=tcp?x=y> ; tag=1;q=0.5, <sip:bob@h>;x',
  'sips:bob:secret@[::1]:5061;lr;maddr=192.0.2.1?Subject=x&y=z',
  '(a (nested \\) comment) here) ; lr = "x" ; flag , next',
  '4711   INVITE  ',
  '\r\n\t folded\r\n value \r\n\r\n',
  'Content-Length',
  'INVITE sip:a@h SIP/2.0',
  'SIP/2.0 200 OK then',
];

/** `text` is read from `start` up to `end`; a result that is an offset counts from 0. */
type Read = (text: string, start: number, end: number) => unknown;

const listed: Read = (text, start, end) => {
  const values: string[] = [];
  splitList(text, start, end, values);
  return values;
};

const READS: Readonly<Record<string, Read>> = {
  'a Via': viaAt,
  'a CSeq': cseqAt,
  'a list': listed,
  'a host': hostText,
  'a number': decimal,
  'an unfolded text': unfold,
  'the name of a field': headerIdAt,
  'a method': methodText,
  'a parameter': (text, start, end) => paramAt(text, start, end, 'lr'),
  'a parameter with a value': (text, start, end) => paramAt(text, start, end, 'tag'),
  'a word': (text, start, end) => equalsIgnoreCase(text, start, end, 'content-length'),
};
const OFFSETS: Readonly<Record<string, (text: string, start: number, end: number) => number>> = {
  'white space': skipLws,
  'a token': skipToken,
  'a scheme': skipScheme,
  'a quoted string': skipQuoted,
  'a comment': skipComment,
  'a host': skipHost,
  'the white space at an end': trimEnd,
  'the first value of a list': valueEnd,
  'what follows the first value': afterFirstValue,
  'an address': addressEnd,
  'the value of a parameter': skipParamValue,
};

describe('what reads a part of a text', () => {
  for (const [what, read] of Object.entries(READS)) {
    it(`takes ${what} from within its bounds only`, () => {
      for (const text of TEXTS) {
        for (let end = 0; end <= text.length; end++) {
          const alone = read(text.slice(0, end), 0, end);
          expect(read(text, 0, end), `${text} to ${end}`).to.deep.equal(alone);
          expect(read(`;x "${text}`, 4, end + 4), `${text} to ${end}, after others`).to.deep.equal(alone);
        }
      }
    });
  }

  for (const [what, skip] of Object.entries(OFFSETS)) {
    it(`finds the end of ${what} within its bounds only`, () => {
      for (const text of TEXTS) {
        for (let end = 0; end <= text.length; end++) {
          const alone = skip(text.slice(0, end), 0, end);
          expect(skip(text, 0, end), `${text} to ${end}`).to.equal(alone);
          const after = skip(`;x "${text}`, 4, end + 4);
          expect(after < 0 ? after : after - 4, `${text} to ${end}, after others`).to.equal(alone);
        }
      }
    });
  }

  it('takes a start line from within its bounds only', () => {
    for (const text of TEXTS) {
      for (let end = 0; end <= text.length; end++)
        expect(readStartLine(text, end, 4096), `${text} to ${end}`).to.deep.equal(
          readStartLine(text.slice(0, end), end, 4096),
        );
    }
  });
});
