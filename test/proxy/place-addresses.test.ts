import { expect } from 'chai';
import { placeOfEachFamily } from '../../proxy/place-addresses.ts';

describe('the place of a dual-stack pod', () => {
  it('is bound at each of its addresses', () => {
    expect(placeOfEachFamily({ name: 'p', address: '10.2.0.7,fd00::7' })).to.deep.equal({
      name: 'p',
      address: '10.2.0.7',
      also: [{ address: 'fd00::7' }],
    });
  });

  it('tells others the address of the same family, in whichever order they come', () => {
    for (const advertise of ['203.0.113.7,2001:db8::7', '2001:db8::7,203.0.113.7']) {
      expect(placeOfEachFamily({ name: 'p', address: '10.2.0.7,fd00::7', advertise })).to.deep.equal({
        name: 'p',
        address: '10.2.0.7',
        advertise: '203.0.113.7',
        also: [{ address: 'fd00::7', advertise: '2001:db8::7' }],
      });
    }
  });

  it('tells its own address where the other family has none, and takes the one of its family where it has one', () => {
    expect(placeOfEachFamily({ name: 'p', address: 'fd00::7,10.2.0.7', advertise: '203.0.113.7' })).to.deep.equal({
      name: 'p',
      address: 'fd00::7',
      also: [{ address: '10.2.0.7', advertise: '203.0.113.7' }],
    });
    expect(placeOfEachFamily({ name: 'p', address: 'fd00::7', advertise: '203.0.113.7,2001:db8::7' })).to.deep.equal({
      name: 'p',
      address: 'fd00::7',
      advertise: '2001:db8::7',
      also: [],
    });
  });

  it('is as it is written where there is one address', () => {
    const place = { name: 'p', address: '10.2.0.7', advertise: '203.0.113.7', also: [{ address: '192.0.2.7' }] };
    expect(placeOfEachFamily(place)).to.equal(place);
    expect(placeOfEachFamily({ name: 'p', address: 7 })).to.deep.equal({ name: 'p', address: 7 });
  });

  it('keeps what is written to be bound, too', () => {
    const also = [{ address: '192.0.2.7' }];
    expect(placeOfEachFamily({ address: '10.2.0.7,fd00::7', also })['also']).to.deep.equal([
      { address: 'fd00::7' },
      ...also,
    ]);
  });
});
