import { createHmac } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { DIGEST_BYTES, Hmac } from '../../../proxy/routing/hmac.ts';

function hmac(key: Uint8Array, bytes: Uint8Array): string {
  const digest = Buffer.alloc(DIGEST_BYTES);
  new Hmac(key).digest(bytes, bytes.length, digest);
  return digest.toString('hex');
}

describe('HMAC-SHA-256', () => {
  it('is that of RFC 4231, test case 2', () => {
    const expected = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';
    expect(hmac(Buffer.from('Jefe'), Buffer.from('what do ya want for nothing?'))).to.equal(expected);
  });

  it('is what OpenSSL makes of any key and text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.uint8Array({ maxLength: 300 }), (key, bytes) => {
        expect(hmac(key, bytes)).to.equal(createHmac('sha256', key).update(bytes).digest('hex'));
      }),
    );
  });

  it('takes a text of every length around the ends of blocks', () => {
    const key = Buffer.alloc(32, 7);
    for (let length = 0; length < 200; length++) {
      const bytes = Buffer.alloc(length, length);
      expect(hmac(key, bytes), `${length} bytes`).to.equal(createHmac('sha256', key).update(bytes).digest('hex'));
    }
  });

  it('is of the text alone, whatever was taken before', () => {
    const one = new Hmac(Buffer.alloc(32, 1));
    const digest = Buffer.alloc(DIGEST_BYTES);
    one.digest(Buffer.from('a text that is quite a bit longer than the next and fills two blocks with it'), 76, digest);
    one.digest(Buffer.from('next'), 4, digest);
    expect(digest.toString('hex')).to.equal(hmac(Buffer.alloc(32, 1), Buffer.from('next')));
  });

  it('refuses a key longer than a block', () => {
    expect(() => new Hmac(Buffer.alloc(65))).to.throw(RangeError, '65 bytes');
  });
});
