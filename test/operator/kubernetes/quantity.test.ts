import { expect } from 'chai';
import { bytesOf, parseQuantity } from '../../../operator/kubernetes/quantity.ts';

describe('parseQuantity', () => {
  const equal: readonly [unknown, unknown][] = [
    ['1000m', '1'],
    [1, '1'],
    ['0.5', '500m'],
    ['1Gi', '1024Mi'],
    ['1e3', '1k'],
    ['1.5Gi', '1536Mi'],
    ['1E', '1000P'],
    ['100n', '0.1u'],
    ['-1', '-1000m'],
    ['0.0000000001', '1n'],
  ];
  for (const [one, other] of equal) {
    it(`takes ${JSON.stringify(one)} and ${JSON.stringify(other)} for the same`, () => {
      expect(parseQuantity(one)).to.equal(parseQuantity(other)).and.not.equal(undefined);
    });
  }

  it('tells different ones apart, 1G from 1Gi too', () => {
    expect(parseQuantity('1G')).not.to.equal(parseQuantity('1Gi'));
  });

  it('refuses what is none', () => {
    for (const text of ['', 'm', '1 Gi', 'Gi', '1GiB', '.', 'one']) expect(parseQuantity(text)).to.equal(undefined);
  });

  it('counts bytes', () => {
    expect(bytesOf('8Gi')).to.equal(8 * 1024 ** 3);
    expect(() => bytesOf('much')).to.throw(RangeError);
  });
});
