import { expect } from 'chai';
import { cseqAt } from '../../../proxy/sip/cseq.ts';

describe('a CSeq (RFC 3261 20.16)', () => {
  for (const [text, number, method] of [
    ['4711 INVITE', 4711, 'INVITE'],
    ['0 ACK', 0, 'ACK'],
    [' 0009\r\n\t INVITE ', 9, 'INVITE'],
    ['2147483647 BYE', 2 ** 31 - 1, 'BYE'],
    ['1 invite', 1, 'invite'],
    ['1 RE%47IST%45R', 1, 'RE%47IST%45R'],
  ] as const)
    it(`has number and method: ${JSON.stringify(text)}`, () => {
      expect(cseqAt(text, 0, text.length)).to.deep.equal({ number, method });
    });

  for (const text of [
    '',
    ' ',
    '1',
    '1 ',
    'INVITE',
    '1INVITE',
    '1,INVITE',
    '-1 INVITE',
    '1.0 INVITE',
    '2147483648 INVITE',
    '1 "INVITE"',
    '1 INVITE ACK',
    '1 INVITE;x',
  ])
    it(`is none: ${JSON.stringify(text)}`, () => {
      expect(cseqAt(text, 0, text.length)).to.equal(undefined);
    });
});
