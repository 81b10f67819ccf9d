import { expect } from 'chai';
import fc from 'fast-check';
import { decodeBinding, encodeBinding } from '../../../proxy/store/codec.ts';
import { compareVersions, isLive, keptUntil, merge, tombstone } from '../../../proxy/store/merge.ts';
import type { Binding } from '../../../proxy/store/records.ts';
import { binding, HOUR, MINUTE, NOW, removed, stamp, versions } from './records.ts';

/** What replicas must agree on. */
const seen = (b: Binding): [string, number] => [encodeBinding(b), keptUntil(b)];

describe('merge', () => {
  it('is commutative', () => {
    fc.assert(
      fc.property(versions(), versions(), (a, b) => {
        expect(seen(merge(a, b))).to.deep.equal(seen(merge(b, a)));
      }),
    );
  });

  it('is associative', () => {
    fc.assert(
      fc.property(versions(), versions(), versions(), (a, b, c) => {
        expect(seen(merge(merge(a, b), c))).to.deep.equal(seen(merge(a, merge(b, c))));
      }),
    );
  });

  it('is idempotent', () => {
    fc.assert(
      fc.property(versions(), versions(), (a, b) => {
        expect(seen(merge(merge(a, b), b))).to.deep.equal(seen(merge(a, b)));
      }),
    );
  });

  it('comes to one result whatever the order and however often', () => {
    const histories = fc.array(versions(), { minLength: 1, maxLength: 6 }).chain((all) =>
      fc.record({
        all: fc.constant(all),
        mixed: fc.shuffledSubarray([...all, ...all], { minLength: all.length * 2, maxLength: all.length * 2 }),
      }),
    );
    fc.assert(
      fc.property(histories, ({ all, mixed }) => {
        expect(seen(mixed.reduce(merge))).to.deep.equal(seen(all.reduce(merge)));
      }),
    );
  });

  it('comes to the same result through what a store holds', () => {
    const stored = (b: Binding): Binding =>
      decodeBinding({ kind: 'binding', aor: b.aor, id: b.id }, encodeBinding(b)) ?? expect.fail();
    fc.assert(
      fc.property(versions(), versions(), (a, b) => {
        expect(seen(merge(stored(a), stored(b)))).to.deep.equal(seen(merge(a, b)));
      }),
    );
  });

  it('lets the Call-ID that was first seen later win, though its CSeq is lower', () => {
    const old = binding({ stamp: stamp({ cseq: 9 }) });
    const rebooted = binding({ stamp: stamp({ first: NOW + 1, callId: 'call-0', cseq: 1 }) });
    expect(merge(old, rebooted)).to.equal(rebooted);
  });

  it('lets the higher CSeq of one Call-ID win, though it was committed earlier', () => {
    const first = binding({ stamp: stamp({ cseq: 1, commit: NOW + 50 }) });
    const second = binding({ stamp: stamp({ cseq: 2, commit: NOW + 40 }) });
    expect(merge(first, second)).to.equal(second);
  });

  it('does not let a removed binding come back by an older version', () => {
    const bound = binding();
    const gone = tombstone(bound, stamp({ cseq: 2 }));
    expect(isLive(merge(gone, bound), NOW)).to.equal(false);
    expect(keptUntil(gone)).to.equal(bound.expires + MINUTE);
  });

  it('remembers a version that ends sooner than one it replaced until that one can not come back', () => {
    const long = binding({ expires: NOW + HOUR });
    const brief = binding({ expires: NOW + MINUTE, stamp: stamp({ cseq: 2 }) });
    const merged = merge(brief, long);
    expect(merged.expires).to.equal(NOW + MINUTE);
    expect(keptUntil(merged)).to.equal(NOW + HOUR + MINUTE);
  });

  it('gives a refresh that lasts longer no mark at all', () => {
    const refreshed = binding({ expires: NOW + 2 * HOUR, stamp: stamp({ cseq: 2 }) });
    expect(merge(binding(), refreshed)).to.equal(refreshed);
  });

  it('remembers of a tombstone nothing but its stamp', () => {
    expect(tombstone(binding({ instance: '<urn:uuid:1>', path: ['<sip:edge;lr>'] }), stamp({ cseq: 2 }))).to.deep.equal(
      removed({ expires: NOW + HOUR + MINUTE, stamp: stamp({ cseq: 2 }) }),
    );
  });

  it('has removal win where all of the stamp is equal', () => {
    expect(compareVersions(removed(), binding())).to.be.greaterThan(0);
  });
});
