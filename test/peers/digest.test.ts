import { expect } from 'chai';
import { authorization, chooseChallenge, digestParams, digestResponse, formatChallenge } from './digest.ts';

describe('digest authentication of the peers', () => {
  const known = {
    user: 'Mufasa',
    realm: 'http-auth@example.org',
    password: 'Circle of Life',
    method: 'GET',
    uri: '/dir/index.html',
    nonce: '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v',
    nc: '00000001',
    cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
    qop: 'auth',
  };

  it("computes RFC 7616 3.9.1's example with MD5 and SHA-256", () => {
    expect(digestResponse('MD5', known)).to.equal('8ca523f5e9506fed4657c9700eebdbec');
    expect(digestResponse('SHA-256', known)).to.equal(
      '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1',
    );
  });

  it('prefers SHA-256 and passes over algorithms it does not know', () => {
    const md5 = formatChallenge({ realm: 'example.com', nonce: 'one', algorithm: 'MD5', stale: false });
    const sha256 = formatChallenge({ realm: 'example.com', nonce: 'two', algorithm: 'SHA-256', stale: true });
    expect(chooseChallenge([md5, sha256])).to.include({ nonce: 'two', algorithm: 'SHA-256', qop: true, stale: true });
    expect(chooseChallenge(['Digest realm="x", nonce="n", algorithm=SHA-512-256'])).to.equal(undefined);
  });

  it('answers a challenge with quoted values that read back', () => {
    const challenge = { realm: 'example.com', nonce: 'n,1', algorithm: 'MD5', qop: true, stale: false } as const;
    const value = authorization(challenge, { user: 'alice', password: 'secret' }, 'REGISTER', 'sip:example.com', 10);
    const params = digestParams(value);
    expect(Object.fromEntries(params)).to.include({ username: 'alice', nonce: 'n,1', nc: '0000000a', qop: 'auth' });
  });
});
