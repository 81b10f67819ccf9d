import { expect } from 'chai';
import { parseMessage } from '../../../proxy/sip/message.ts';
import { SipError } from '../../../proxy/sip/sip-error.ts';
import { options } from '../../builders.ts';

describe('a SipError', () => {
  it('carries the answer to give', () => {
    const request = parseMessage(options());
    const error = new SipError(420, 'Bad Extension', { answerable: request, headers: ['Unsupported: foo'] });
    expect(error).to.include({
      name: 'SipError',
      status: 420,
      reason: 'Bad Extension',
      answerable: request,
      message: '420 Bad Extension',
    });
    expect(error.headers).to.deep.equal(['Unsupported: foo']);
  });

  it('walks no stack, and leaves that to others', () => {
    expect(new SipError(400, 'Bad Via').stack).to.not.include('at ');
    expect(new Error('other').stack).to.include('at ');
  });
});
