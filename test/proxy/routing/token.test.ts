import { expect } from 'chai';
import fc from 'fast-check';
import {
  flowEnd,
  looksLikeToken,
  OPEN,
  pairEnd,
  tagHash,
  TokenSigner,
  type End,
  type Token,
} from '../../../proxy/routing/token.ts';
import type { TokenKey } from '../../../proxy/store/records.ts';

const key = (id: number): TokenKey => ({
  id,
  geoLocation: 'dc1',
  secret: Buffer.alloc(32, id).toString('base64url'),
  created: 0,
  verified: 0,
});

function ring(...keys: TokenKey[]) {
  const verified: number[] = [];
  return {
    verifiedIds: verified,
    signing: () => keys[0],
    byId: (id: number) => keys.find((k) => k.id === id),
    verified: (k: TokenKey) => void verified.push(k.id),
  };
}

const call: Token = {
  use: 'dialog',
  caller: { kind: 'udp', address: '192.0.2.7', port: 5062 },
  callee: pairEnd('ss1', 'dc1'),
  callerTag: tagHash('abc'),
};

const end: fc.Arbitrary<End> = fc.oneof(
  fc.constant(OPEN),
  fc.record({ kind: fc.constant('pair' as const), pair: fc.nat(0xffffffff), geoLocation: fc.nat(0xffff) }),
  fc.record({
    kind: fc.constant('flow' as const),
    proxy: fc.nat(0xffffffff),
    boot: fc.nat(0xffffffff),
    number: fc.nat(0xffffffff),
  }),
  fc.record({ kind: fc.constant('udp' as const), address: fc.ipV4(), port: fc.nat(65535) }),
);

describe('a Record-Route token', () => {
  it('is verified by any proxy that holds the key, and says both ends', () => {
    const text = new TokenSigner(ring(key(1))).sign(call, 'c1@phone', 0);
    expect(new TokenSigner(ring(key(2), key(1))).verify(text ?? '', 'c1@phone', 0)).to.deep.equal(call);
  });

  it('is worth nothing in another call', () => {
    const text = new TokenSigner(ring(key(1))).sign(call, 'c1@phone', 0) ?? '';
    expect(new TokenSigner(ring(key(1))).verify(text, 'c2@phone', 0)).to.equal(undefined);
  });

  it('is worth nothing in another call to the proxy that signed it either', () => {
    const signer = new TokenSigner(ring(key(1)));
    const text = signer.sign(call, 'c1@phone', 0) ?? '';
    expect(signer.verify(text, 'c2@phone', 0)).to.equal(undefined);
  });

  it('holds one and the same object for a pair, however often it is named, and others for what only resembles it', () => {
    const once = pairEnd('ss1', 'dc1');
    expect(pairEnd('ss1', 'dc1')).to.equal(once);
    expect(pairEnd('ss1', 'dc2')).not.to.deep.equal(once);
    for (let i = 0; i < 3000; i++) pairEnd(`other-${i}`, 'dc1');
    expect(pairEnd('ss1', 'dc1')).to.deep.equal(once);
  });

  it('fails without its key', () => {
    const text = new TokenSigner(ring(key(1))).sign(call, 'c1', 0) ?? '';
    expect(new TokenSigner(ring(key(2))).verify(text, 'c1', 0)).to.equal(undefined);
  });

  it('cannot be signed while no key is known', () => {
    expect(new TokenSigner(ring()).sign(call, 'c1', 0)).to.equal(undefined);
  });

  it('keeps an IPv6 phone in the form its socket has', () => {
    const phone: Token = { ...call, caller: { kind: 'udp', address: '2001:db8::7', port: 5060 } };
    const text = new TokenSigner(ring(key(1))).sign(phone, 'c', 0) ?? '';
    expect(new TokenSigner(ring(key(1))).verify(text, 'c', 0)).to.deep.equal(phone);
    expect(text.length).to.be.at.most(64);
  });

  it('notes each verification, so that a key in use is kept', () => {
    const keys = ring(key(7));
    const text = new TokenSigner(keys).sign(call, 'c', 0) ?? '';
    new TokenSigner(keys).verify(text, 'c', 5);
    expect(keys.verifiedIds).to.deep.equal([7]);
  });

  it('remembers a bounded number of tokens', () => {
    const signer = new TokenSigner(ring(key(1)), 10);
    const texts = Array.from({ length: 50 }, (_, i) => signer.sign(call, `c${i}`, 0) ?? '');
    for (const [i, text] of texts.entries()) expect(signer.verify(text, `c${i}`, 0)).to.deep.equal(call);
    expect(signer.remembered).to.be.at.most(20);
  });

  it('survives the way there and back for any two ends, in at most 64 characters of the token alphabet', () => {
    fc.assert(
      fc.property(
        end,
        end,
        fc.nat(0xffff),
        fc.constantFrom('dialog' as const, 'handover' as const),
        (caller, callee, callerTag, use) => {
          const token: Token = { use, caller, callee, callerTag };
          const text = new TokenSigner(ring(key(1))).sign(token, 'call', 0) ?? '';
          expect(looksLikeToken(text)).to.equal(true);
          expect(new TokenSigner(ring(key(1))).verify(text, 'call', 0)).to.deep.equal(token);
        },
      ),
    );
  });

  it('fails when any character of it is changed', () => {
    const text = new TokenSigner(ring(key(1))).sign({ ...call, callee: flowEnd('p1', 'b', 3) }, 'call', 0) ?? '';
    fc.assert(
      fc.property(fc.nat(text.length - 2), fc.constantFrom(...'ABCxyz019_-'), (at, character) => {
        fc.pre(text[at] !== character);
        const forged = text.slice(0, at) + character + text.slice(at + 1);
        expect(new TokenSigner(ring(key(1))).verify(forged, 'call', 0)).to.equal(undefined);
      }),
    );
  });

  it('is never taken from noise', () => {
    const signer = new TokenSigner(ring(key(1)));
    fc.assert(
      fc.property(fc.string({ maxLength: 70 }), (noise) => {
        expect(signer.verify(noise, 'c', 0)).to.equal(undefined);
      }),
    );
  });
});
