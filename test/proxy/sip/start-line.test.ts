import { expect } from 'chai';
import { methodText, readStartLine } from '../../../proxy/sip/start-line.ts';

describe('a start line', () => {
  const read = (text: string, maxUri = 100) => readStartLine(text, text.length, maxUri);

  it('of a request has method and Request-URI', () => {
    const { target, ...line } = read('INVITE sip:bob@example.com;x SIP/2.0');
    expect(line).to.deep.equal({
      isRequest: true,
      method: 'INVITE',
      uri: 'sip:bob@example.com;x',
      status: 0,
      reason: '',
      fault: '',
    });
    expect(target).to.include({ user: 'bob', host: 'example.com' });
  });

  it('of a response has status and reason phrase', () => {
    expect(read('SIP/2.0 486 Busy Here  now')).to.deep.equal({
      isRequest: false,
      method: '',
      uri: '',
      target: undefined,
      status: 486,
      reason: 'Busy Here  now',
      fault: '',
    });
  });

  it('has its version in any case (RFC 3261 7.1)', () => {
    expect(read('INVITE sip:b@h sIp/2.0').fault).to.equal('');
    expect(read('sip/2.0 200 OK')).to.include({ status: 200, reason: 'OK', fault: '' });
  });

  for (const method of ['ACK', 'BYE', 'INVITE', 'CANCEL', 'NOTIFY', 'OPTIONS', 'REGISTER', 'MESSAGE', 'SUBSCRIBE'])
    it(`names its method: ${method}, and not what is like it`, () => {
      const changed = `${method.slice(0, -1)}X`;
      for (const written of [method, method.toLowerCase(), changed, `X${method}`, `${method}X`]) {
        expect(read(`${written} sip:b@h SIP/2.0`)).to.include({ method: written, fault: '' });
        expect(methodText(`,${written},`, 1, written.length + 1)).to.equal(written);
      }
    });

  for (const [text, fault] of [
    ['INVITE sip:b@h SIP/7.0', 'Version Not Supported'],
    ['INVITE sip:b@h SIP/2.00', 'Version Not Supported'],
    ['INVITE sip:b@h SIP/2', 'Version Not Supported'],
    ['INVITE sip:b@h SIP/', 'Bad Request-Line'],
    ['INVITE sip:b@h SIP/2.x', 'Bad Request-Line'],
    ['INVITE sip:b@h SIPS/2.0', 'Bad Request-Line'],
    ['INVITE sip:b@h HTTP/1.1', 'Bad Request-Line'],
    ['INVITE sip:b@h', 'Bad Request-Line'],
    ['INVITE SIP/2.0', 'Bad Request-Line'],
    ['INVITE ', 'Bad Request-Line'],
    ['INVITE\tsip:b@h SIP/2.0', 'Bad Request-Line'],
    ['INVITE sip:b@h SIP/2.0 ', 'Bad Request-Line'],
    ['INVITE  sip:b@h SIP/2.0', 'Bad Request-URI'],
    ['INVITE  SIP/2.0', 'Bad Request-URI'],
    ['INVITE bob SIP/2.0', 'Bad Request-URI'],
    ['INVITE sip:b@h?Subject=x SIP/2.0', 'Bad Request-URI'],
    ['INVITE sip:b@h;method=BYE SIP/2.0', 'Bad Request-URI'],
    ['INVITE', 'Bad Start Line'],
    ['', 'Bad Start Line'],
    [' INVITE sip:b@h SIP/2.0', 'Bad Start Line'],
    ['IN"VITE sip:b@h SIP/2.0', 'Bad Start Line'],
    ['SIP/2.0', 'Bad Start Line'],
    ['SIP/2.0 ', 'Bad Start Line'],
    ['SIP/2.0 20', 'Bad Start Line'],
    ['SIP/2.0 099 x', 'Bad Start Line'],
    ['SIP/2.0 700 x', 'Bad Start Line'],
    ['SIP/2.0 2x0 OK', 'Bad Start Line'],
    ['SIP/2.0 200OK', 'Bad Start Line'],
    ['SIP/2.0 2000 OK', 'Bad Start Line'],
    ['SIP/2.0\t200 OK', 'Bad Start Line'],
    ['SIP/2.0  200 OK', 'Bad Start Line'],
    ['SIP/7.0 200 OK', 'Bad Start Line'],
    ['SIP/2.0 200 OK\rVia: x', 'Bad Start Line'],
    ['SIP/2.0 200 OK\nVia: x', 'Bad Start Line'],
    ['SIP/2.0 200 \n', 'Bad Start Line'],
  ] as const)
    it(`is refused: ${fault}, ${JSON.stringify(text)}`, () => {
      const line = read(text);
      expect(line.fault).to.equal(fault);
      expect(line.isRequest).to.equal(fault !== 'Bad Start Line');
      if (!line.isRequest) expect(line).to.include({ status: 0, reason: '' });
    });

  it('without a Request-URI has none', () => {
    for (const text of ['INVITE SIP/2.0', 'INVITE ', 'INVITE x', 'INVITE\tsip:b@h'])
      expect(read(text).uri, text).to.equal('');
  });

  it('has the least and the greatest status, with and without a phrase (RFC 3261 7.2)', () => {
    for (const status of [100, 699]) {
      for (const end of ['', ' '])
        expect(read(`SIP/2.0 ${status}${end}`)).to.include({ status, reason: '', fault: '' });
    }
  });

  it('has a Request-URI of so many characters, and one more is too many', () => {
    expect(read('INVITE sip:bob@h SIP/2.0', 9)).to.include({ uri: 'sip:bob@h', fault: '' });
    expect(read('INVITE sip:bob@h SIP/2.0', 8)).to.include({ fault: 'Request-URI Too Long', target: undefined });
  });
});
