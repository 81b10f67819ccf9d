import { expect } from 'chai';
import fc from 'fast-check';
import * as codec from '../../../proxy/store/codec.ts';
import type { Binding } from '../../../proxy/store/records.ts';
import { binding, healthRecord, NOW, proxyRecord, removed, stamp, versions } from './records.ts';

const key = { kind: 'binding', aor: 'alice@example.com', id: 'sip:alice@10.0.0.1:5060' } as const;
const decoded = (value: Binding): Binding | undefined => codec.decodeBinding(key, codec.encodeBinding(value));

const full = binding({
  contact: 'sip:alice@10.0.0.1:5061;transport=tcp',
  q: 500,
  instance: '<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>',
  regId: 1,
  path: ['<sip:edge.example.com;lr>', '"Zo\u00eb" <sip:b;lr>'],
  transport: 'TCP',
  owner: 'proxy-1',
  boot: 'AbCd1234',
  flow: 7,
  until: NOW + 9_000_000,
});

describe('codec', () => {
  it('gives a binding back with all its fields', () => {
    expect(decoded(full)).to.deep.equal(full);
  });

  it('gives every version and tombstone back', () => {
    fc.assert(
      fc.property(versions(), (version) => {
        expect(decoded(version)).to.deep.equal(version);
      }),
    );
  });

  it('keeps values small', () => {
    const value = codec.encodeBinding(binding({ owner: 'contact-center-dn-dc1-abcde', boot: 'AbCd1234', flow: 0 }));
    expect(value.length).to.be.lessThan(200);
    expect(codec.encodeBinding(removed()).length).to.be.lessThan(100);
  });

  it('keeps fields that a newer release added, and leaves out none of its own', () => {
    const newer = codec.encodeBinding(full).replace('{', '{"zz":{"deep":[1]},');
    const read = codec.decodeBinding(key, newer) ?? expect.fail();
    expect(read.more).to.deep.equal({ zz: { deep: [1] } });
    expect(JSON.parse(codec.encodeBinding(read))).to.deep.equal(JSON.parse(newer));
  });

  it('gives the other records back', () => {
    const call = { callId: 'c', pair: 'ss1', proxy: 'p1', since: NOW, expires: NOW + 1 };
    expect(codec.decodeCall({ kind: 'call', callId: 'c' }, codec.encodeCall(call))).to.deep.equal(call);
    const ended = { ...call, ended: true } as const;
    expect(codec.decodeCall({ kind: 'call', callId: 'c' }, codec.encodeCall(ended))).to.deep.equal(ended);
    const tokenKey = {
      id: 7,
      geoLocation: 'dc1',
      secret: Buffer.alloc(32, 9).toString('base64url'),
      created: NOW,
      verified: NOW,
    };
    expect(
      codec.decodeTokenKey({ kind: 'key', geoLocation: 'dc1', id: 7 }, codec.encodeTokenKey(tokenKey)),
    ).to.deep.equal(tokenKey);
    const refused = { hash: 'h2', why: 'listeners[0].port: 70000 is no port' };
    const shared = {
      transport: 'UDP',
      address: '198.51.100.7',
      port: 5060,
      side: 'Both',
      local: { address: '10.1.0.1', port: 5060 },
      sentBy: '198.51.100.8:5060',
    } as const;
    const proxy = proxyRecord('p1', {
      configuration: { hash: 'h1', refused },
      keys: [1, 2],
      complaints: ['tls.key: not its key'],
      addresses: [shared],
    });
    expect(codec.decodeProxy({ kind: 'proxy', name: 'p1' }, codec.encodeProxy(proxy))).to.deep.equal(proxy);
    const health = healthRecord('p1');
    const pair = health.pairs[0] ?? expect.fail();
    const seen = {
      ...health,
      pairs: [
        { ...pair, dualPrimary: true as const, members: pair.members.map((m) => ({ ...m, rtt: 1.5, smoothedRtt: 2 })) },
      ],
    };
    expect(codec.decodeHealth({ kind: 'health', name: 'p1' }, codec.encodeHealth(seen))).to.deep.equal(seen);
  });

  it('reads nothing of another version', () => {
    expect(codec.decodeBinding(key, codec.encodeBinding(full).replace('"v":1', '"v":2'))).to.equal(undefined);
  });

  it('reads nothing of what is not whole, and never throws', () => {
    const whole = codec.encodeBinding(full);
    const wrong = (name: string, value: unknown): string =>
      JSON.stringify({ ...(JSON.parse(whole) as object), [name]: value });
    for (const name of ['t', 'a', 'ap', 'e', 'f', 'ci', 'cs', 'k'])
      expect(codec.decodeBinding(key, wrong(name, undefined)), name).to.equal(undefined);
    for (const name of ['c', 't', 'e', 'p', 'o', 'fl', 'ci'])
      expect(codec.decodeBinding(key, wrong(name, {})), name).to.equal(undefined);
    const shortKey = codec.encodeTokenKey({ id: 7, geoLocation: 'dc1', secret: 'short', created: NOW, verified: NOW });
    expect(codec.decodeTokenKey({ kind: 'key', geoLocation: 'dc1', id: 7 }, shortKey)).to.equal(undefined);
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.json().map((json) => `{"v":1,"x":${json},"pairs":${json},"addresses":${json}}`),
        ),
        (garbage) => {
          expect(codec.decodeBinding(key, garbage)).to.equal(undefined);
          expect(codec.decodeCall({ kind: 'call', callId: 'c' }, garbage)).to.equal(undefined);
          expect(codec.decodeTokenKey({ kind: 'key', geoLocation: 'dc1', id: 7 }, garbage)).to.equal(undefined);
          expect(codec.decodeProxy({ kind: 'proxy', name: 'p' }, garbage)).to.equal(undefined);
          expect(codec.decodeHealth({ kind: 'health', name: 'p' }, garbage)).to.equal(undefined);
        },
      ),
    );
  });

  it('keeps the order of stamps', () => {
    const precise = stamp({ first: NOW + 0.001, commit: NOW + 0.002 });
    expect(decoded(binding({ stamp: precise }))?.stamp).to.deep.equal(precise);
  });
});
