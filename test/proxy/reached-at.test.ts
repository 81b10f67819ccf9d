import { expect } from 'chai';
import { reachedAt } from '../../proxy/reached-at.ts';
import type { Listener } from '../../proxy/transport/hop.ts';

const listener = (address: string, advertised = address): Listener => ({
  transport: 'UDP',
  address,
  port: 5060,
  side: 'Both',
  advertisedAddress: advertised,
  advertisedPort: 5060,
});

describe('what a proxy publishes of a listener', () => {
  it('is one address where nothing else is advertised', () => {
    expect(reachedAt(listener('10.1.0.1'), undefined)).to.deep.equal({
      transport: 'UDP',
      address: '10.1.0.1',
      port: 5060,
      side: 'Both',
    });
  });

  it('is its own address, besides one that stands for many, for those of its data centre', () => {
    const published = reachedAt(listener('10.1.0.1', '198.51.100.7'), undefined);
    expect(published).to.include({ address: '198.51.100.7' });
    expect(published.local).to.deep.equal({ address: '10.1.0.1', port: 5060 });
  });

  it('names what its Vias say, where proxies are told another address than phones', () => {
    const published = reachedAt(listener('10.1.0.1', '198.51.100.7'), '10.9.0.1');
    expect(published).to.include({ address: '10.9.0.1', sentBy: '198.51.100.7:5060' });
  });

  it('has no address of its own where it listens on all of them', () => {
    expect(reachedAt(listener('0.0.0.0', '198.51.100.7'), undefined)).to.not.have.property('local');
  });
});
