import { expect } from 'chai';
import fc from 'fast-check';
import {
  bindingKey,
  callKey,
  callsKey,
  healthKey,
  ownerKey,
  parseKey,
  prefix,
  proxyKey,
  tokenKeyKey,
} from '../../../proxy/store/keys.ts';

describe('keys', () => {
  it('has a range a shard, escaped where a name could leave it', () => {
    expect(prefix('voice', 'contact-center', 'SIP_Switch', 'DN')).to.equal(
      '/sipcluster/v1/voice/contact-center/SIP_Switch/DN/',
    );
    expect(prefix('voice', 'c', 'a/b', '50%')).to.equal('/sipcluster/v1/voice/c/a%2Fb/50%25/');
  });

  it('can be read', () => {
    expect(bindingKey({ aor: 'alice@example.com', id: 'sip:alice@10.0.0.1:5060' })).to.equal(
      'binding/alice@example.com/sip:alice@10.0.0.1:5060',
    );
    expect(callKey('a/b@host')).to.equal('call/a%2Fb@host');
    expect(callsKey('proxy-abc', 'Xy_1', 7)).to.equal('call/proxy-abc/Xy_1.7');
    expect(tokenKeyKey({ geoLocation: 'dc1', id: 513 })).to.equal('key/dc1/513');
  });

  it('parses back what it made', () => {
    const text = fc.string({ minLength: 1 });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(parseKey(bindingKey({ aor: a, id: b }))).to.deep.equal({ kind: 'binding', aor: a, id: b });
        expect(parseKey(callsKey(a, b, 12))).to.deep.equal({ kind: 'calls', proxy: a, boot: b, number: 12 });
        expect(parseKey(callKey(a))).to.deep.equal({ kind: 'call', callId: a });
        expect(parseKey(proxyKey(a))).to.deep.equal({ kind: 'proxy', name: a });
        expect(parseKey(healthKey(a))).to.deep.equal({ kind: 'health', name: a });
        expect(parseKey(ownerKey(a))).to.deep.equal({ kind: 'owner', geoLocation: a });
        expect(parseKey(tokenKeyKey({ geoLocation: a, id: 65535 }))).to.deep.equal({
          kind: 'key',
          geoLocation: a,
          id: 65535,
        });
      }),
    );
  });

  it('keeps different names apart', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('/', '%', '%2F', '%25', '%252F'),
        fc.constantFrom('/', '%', '%2F', '%25', '%252F'),
        (a, b) => {
          expect(callKey(a) === callKey(b)).to.equal(a === b);
        },
      ),
    );
  });

  it('knows nothing of others', () => {
    for (const key of [
      '',
      'binding',
      'binding/',
      'binding/a',
      'binding/a/',
      'binding//b',
      'binding/a/b/c',
      'call/',
      'call/a/b',
      'key/dc1/x',
      'key/dc1/65536',
      'later/a',
    ]) {
      expect(parseKey(key), key).to.equal(undefined);
    }
  });
});
