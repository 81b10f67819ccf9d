import { expect } from 'chai';
import { hopToProxy, type Reach } from '../../../proxy/routing/way.ts';
import type { ProxyAddress, ProxyRecord } from '../../../proxy/store/records.ts';
import type { Transport } from '../../../proxy/transport/hop.ts';

const OWN: readonly Transport[] = ['UDP', 'TCP', 'TLS'];

function reach(transports: readonly Transport[] = OWN): Reach {
  return {
    proxy: 'p1',
    boot: 'b',
    geoLocation: 'dc1',
    proxies: new Map(),
    connection: () => undefined,
    hop: () => undefined,
    inward: (transport, address, port) => {
      const at = { address: '10.1.0.1', port: 5060, advertisedAddress: '10.1.0.1', advertisedPort: 5060 };
      if (!transports.includes(transport)) return undefined;
      return { transport, address, port, listener: { ...at, transport, side: 'Both' } };
    },
  };
}

/** How a proxy of `geoLocation` with these listeners is reached. */
function reached(geoLocation: string, offered: readonly Partial<ProxyAddress>[], from = reach()): string {
  const addresses = offered.map((one) => ({
    transport: 'UDP' as const,
    address: '198.51.100.7',
    port: 5060,
    side: 'Both' as const,
    local: { address: '10.9.0.1', port: 5070 },
    ...one,
  }));
  const hop = hopToProxy({ name: 'q1', geoLocation, boot: 'c', addresses } as unknown as ProxyRecord, from);
  return hop === undefined ? 'not' : `${hop.transport} ${hop.address}:${hop.port}`;
}

describe('another proxy', () => {
  it('is reached at its own address within the data centre, at the advertised one from another', () => {
    expect(reached('dc1', [{}])).to.equal('UDP 10.9.0.1:5070');
    expect(reached('dc2', [{}])).to.equal('UDP 198.51.100.7:5060');
  });

  it('is reached by UDP before TCP before TLS', () => {
    const all = [{ transport: 'TLS' as const }, { transport: 'TCP' as const }, { transport: 'UDP' as const }];
    expect(reached('dc2', all)).to.match(/^UDP/);
    expect(reached('dc2', all.slice(0, 2))).to.match(/^TCP/);
    expect(reached('dc2', all.slice(0, 1))).to.match(/^TLS/);
    expect(reached('dc2', all, reach(['TCP', 'TLS']))).to.match(/^TCP/);
  });

  it('is reached by TLS from another data centre where it has a listener for that alone', () => {
    const internal = [{}, { transport: 'TLS' as const, side: 'Internal' as const, port: 5071 }];
    expect(reached('dc2', internal)).to.equal('TLS 198.51.100.7:5071');
    expect(reached('dc1', internal)).to.equal('UDP 10.9.0.1:5070');
    expect(reached('dc2', internal, reach(['UDP']))).to.match(/^UDP/);
  });

  it('is not reached at what is for phones, nor by WebSocket', () => {
    expect(reached('dc1', [{ side: 'External' }, { transport: 'WS' }])).to.equal('not');
  });
});
