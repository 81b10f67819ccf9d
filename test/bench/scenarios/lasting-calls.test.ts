import { expect } from 'chai';
import { Dialog } from '../dialog.ts';
import { lastingCalls } from './lasting-calls.ts';

const PHONE = { address: '127.0.0.2', port: 5060 } as Parameters<ReturnType<typeof lastingCalls>['open']>[2];
const answered = (number: number): Dialog =>
  new Dialog(
    [
      'SIP/2.0 200 OK',
      'From: <sip:phone@example.com>;tag=f',
      'To: <sip:queue@example.com>;tag=t',
      `Call-ID: ${number}`,
      'CSeq: 1 INVITE',
      'Contact: <sip:queue@127.0.0.3:5060>',
      '',
      '',
    ].join('\r\n'),
  );

describe('calls that last', () => {
  it('end one for each that begins, the oldest first, once enough of them are up', () => {
    const scenario = lastingCalls(2);
    const sent: string[] = [];
    for (let number = 0; number < 8; number++) {
      const { text, dialog } = scenario.open(number, 'r', PHONE);
      if (dialog === undefined) scenario.established?.(number, answered(number));
      sent.push(`${text.split(' ', 1)[0]} ${/^Call-ID: (\d+)/m.exec(text)?.[1]}`);
    }
    expect(sent).to.deep.equal(['INVITE 0', 'INVITE 1', 'INVITE 2', 'BYE 0', 'INVITE 4', 'BYE 1', 'INVITE 6', 'BYE 2']);
  });
});
