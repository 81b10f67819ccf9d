import { expect } from 'chai';
import { LoadBalancerStandIn, type BalancedService } from './load-balancer-stand-in.ts';

describe('load balancer stand-in', () => {
  it('gives each Service an address of its own, keeps it, and gives it again once the Service is gone', async () => {
    const services = new Map<string, string | undefined>([
      ['a', undefined],
      ['b', undefined],
      ['c', undefined],
    ]);
    const balancer = new LoadBalancerStandIn(
      {
        services: () => Promise.resolve([...services].map(([name, address]): BalancedService => ({ name, address }))),
        assign: (name, address) => {
          services.set(name, address);
          return Promise.resolve();
        },
      },
      ['192.0.2.1', '192.0.2.2'],
    );
    try {
      await balancer.look();
      expect([...services.values()]).to.deep.equal(['192.0.2.1', '192.0.2.2', undefined]);
      services.set('a', undefined); // somebody took it away
      await balancer.look();
      expect(services.get('a')).to.equal('192.0.2.1');
      services.delete('b');
      await balancer.look();
      expect(services.get('c')).to.equal('192.0.2.2');
    } finally {
      await balancer.close();
    }
  });

  it('gives a Service the address that it asks for', async () => {
    const given: string[] = [];
    const balancer = new LoadBalancerStandIn(
      {
        services: () => Promise.resolve([{ name: 'a', address: undefined, wants: '192.0.2.9' }]),
        assign: (name, address) => {
          given.push(`${name} ${address}`);
          return Promise.resolve();
        },
      },
      ['192.0.2.1'],
    );
    try {
      await balancer.look();
      expect(given).to.deep.equal(['a 192.0.2.9']);
    } finally {
      await balancer.close();
    }
  });
});
