import { expect } from 'chai';
import { TokenBucket } from '../../../proxy/routing/token-bucket.ts';

const admitted = (bucket: TokenBucket, times: number, now: number) =>
  Array.from({ length: times }, () => bucket.take(now)).filter(Boolean).length;

describe('a token bucket', () => {
  it('admits a second of burst and then the rate', () => {
    const bucket = new TokenBucket(10);
    expect(admitted(bucket, 50, 1000)).to.equal(10);
    expect(admitted(bucket, 50, 1500)).to.equal(5);
    expect(admitted(bucket, 50, 60_000)).to.equal(10);
  });

  it('gives nothing for a clock that steps back', () => {
    const bucket = new TokenBucket(10);
    expect(admitted(bucket, 50, 10_000)).to.equal(10);
    expect(admitted(bucket, 50, 5000)).to.equal(0);
  });

  it('takes another rate without giving what was spent once more', () => {
    const bucket = new TokenBucket(10);
    expect(admitted(bucket, 50, 1000)).to.equal(10);
    bucket.retune(20);
    expect(admitted(bucket, 50, 1000)).to.equal(0);
    expect(admitted(bucket, 50, 1500)).to.equal(10);
    bucket.retune(undefined);
    expect(admitted(bucket, 50, 1500)).to.equal(50);
    bucket.retune(5);
    expect(admitted(bucket, 50, 1500)).to.equal(5);
  });

  it('admits everything where no limit is set', () => {
    expect(admitted(new TokenBucket(undefined), 5000, 1)).to.equal(5000);
  });
});
