import { expect } from 'chai';
import { formatAddress, ListenError } from '../../../proxy/transport/listen-error.ts';

describe('an error in listening', () => {
  it('tells what to do about a port that needs rights', () => {
    const error = new ListenError(
      'TCP',
      '127.0.0.1',
      443,
      Object.assign(new Error('listen EACCES'), { code: 'EACCES' }),
    );
    expect(error.message).to.equal(
      "can't listen on TCP 127.0.0.1:443: ports below 1024 need root or CAP_NET_BIND_SERVICE; " +
        'choose a higher port or grant it (EACCES)',
    );
  });

  it('passes on what the system says where we have no advice', () => {
    const error = new ListenError('UDP', '::1', 5060, Object.assign(new Error('bind EPERM'), { code: 'EPERM' }));
    expect(error.message).to.equal("can't listen on UDP [::1]:5060: bind EPERM (EPERM)");
  });

  it('writes an IPv6 address in brackets', () => {
    expect(formatAddress('2001:db8::1', 5060)).to.equal('[2001:db8::1]:5060');
    expect(formatAddress('192.0.2.1', 5060)).to.equal('192.0.2.1:5060');
  });
});
