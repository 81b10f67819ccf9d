import { expect } from 'chai';
import fc from 'fast-check';
import { HopCache } from '../../../proxy/transport/hop-cache.ts';
import { LISTENER } from '../../builders.ts';

describe('the hops of a listener', () => {
  it('are one object for each address and port', () => {
    const hops = new HopCache(LISTENER, 10);
    const hop = hops.get('192.0.2.1', 5060);
    expect(hop).to.deep.include({
      transport: 'UDP',
      address: '192.0.2.1',
      port: 5060,
      listener: LISTENER,
      connection: undefined,
    });
    expect(hops.get('192.0.2.1', 5060)).to.equal(hop);
    expect(hops.get('192.0.2.1', 5062)).not.to.equal(hop);
    expect(hops.get('192.0.2.2', 5060)).not.to.equal(hop);
  });

  it('keep their identity as long as they are asked for', () => {
    const hops = new HopCache(LISTENER, 10);
    const hop = hops.get('192.0.2.1', 5060);
    for (let port = 1; port < 1_000; port++) {
      hops.get('192.0.2.9', port);
      expect(hops.get('192.0.2.1', 5060)).to.equal(hop);
    }
  });

  it('never number more than twice the limit, and the last `limit` peers keep theirs', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.array(fc.record({ host: fc.nat(5), port: fc.nat(5) }), { maxLength: 200 }),
        (limit, peers) => {
          const hops = new HopCache(LISTENER, limit);
          const recent = new Map<string, unknown>();
          for (const { host, port } of peers) {
            const key = `${host}:${port}`;
            const hop = hops.get(`192.0.2.${host}`, port);
            if (recent.has(key)) expect(hop).to.equal(recent.get(key));
            recent.delete(key);
            recent.set(key, hop);
            if (recent.size > limit) recent.delete([...recent.keys()][0] ?? '');
            expect(hops.size).to.be.at.most(2 * limit);
          }
        },
      ),
    );
  });
});
