import { expect } from 'chai';
import { classify, memberOf, trustOf } from '../../../proxy/routing/classify.ts';
import { Identity } from '../../../proxy/routing/identity.ts';
import { parseMessage } from '../../../proxy/sip/message.ts';
import type { Hop, Listener, Transport } from '../../../proxy/transport/hop.ts';
import { Pair, type Member } from '../../../proxy/upstream/pair.ts';
import { invite } from '../../builders.ts';
import { config } from './scene.ts';

/** ss1's two members show certificates of their own, those of ss2 share one; ss3 is not reached by TLS. */
const pairs = [
  new Pair(
    {
      name: 'ss1',
      geoLocation: 'dc1',
      weight: 1,
      members: [
        { role: 'primary', host: '10.1.1.1', port: 5061, transport: 'TLS', tls: { name: 'ss1a.example.com' } },
        { role: 'backup', host: 'ss1b.example.com', port: 5061, transport: 'TLS' },
      ],
    },
    true,
  ),
  new Pair(
    {
      name: 'ss2',
      geoLocation: 'dc1',
      weight: 1,
      members: [
        { role: 'primary', host: '10.1.2.1', port: 5061, transport: 'TLS', tls: { name: 'ss2.example.com' } },
        { role: 'backup', host: '10.1.2.2', port: 5061, transport: 'TLS', tls: { name: 'ss2.example.com' } },
      ],
    },
    true,
  ),
  new Pair(
    {
      name: 'ss3',
      geoLocation: 'dc1',
      weight: 1,
      members: [{ role: 'primary', host: 'ss3.example.com', port: 5060, transport: 'TCP' }],
    },
    true,
  ),
];

const members = {
  pairs,
  memberAt: (address: string, port: number): Member | undefined =>
    pairs.flatMap((pair) => pair.members).find((member) => member.address === address && member.port === port),
};

const trust = trustOf({
  trust: {
    sbcs: [{ cidr: '198.51.100.0/24' }, { certificateName: 'SBC1.example.com' }],
    servers: [{ certificateName: 'media.example.com' }],
  },
});
const identity = new Identity(config(), [], []);

interface From {
  names?: readonly string[];
  transport?: Transport;
  side?: Listener['side'];
  address?: string;
  handedOver?: boolean;
}

function hop({ names, transport = 'TLS', side = 'Both', address = '203.0.113.9' }: From): Hop {
  const at = { address: '10.1.0.1', port: 5061, advertisedAddress: '10.1.0.1', advertisedPort: 5061 };
  const connection = {
    number: 1,
    transport,
    remoteAddress: address,
    remotePort: 40_000,
    inbound: true,
    open: true,
    holds: 0,
    ...(names && { certificateNames: names }),
  };
  return { transport, address, port: 40_000, listener: { ...at, transport, side }, connection };
}

/** The class and, of a pair member, its pair and role. */
function who(from: From): string {
  const message = parseMessage(invite({ sentBy: '203.0.113.9:5999' }));
  const source = hop(from);
  const member = memberOf(message, source, members);
  const sender = classify(source, member, from.handedOver === true, trust, identity);
  return member === undefined ? sender : `${sender} ${member.pair.name} ${member.role}`;
}

describe('who sent it, by certificate', () => {
  it('is an Sbc or a Server that trust names, in either case', () => {
    expect(who({ names: ['sbc1.example.com'] })).to.equal('Sbc');
    expect(who({ names: ['other.example.com', 'media.example.com'] })).to.equal('Server');
  });

  it('is an Endpoint without a certificate, or with one that nobody named', () => {
    expect(who({})).to.equal('Endpoint');
    expect(who({ names: [] })).to.equal('Endpoint');
    expect(who({ names: ['sbc1.example.com.evil.example', 'example.com'] })).to.equal('Endpoint');
  });

  it('is a pair member by its tls.name, or by its host if it has none', () => {
    expect(who({ names: ['ss1a.example.com'] })).to.equal('Server ss1 primary');
    expect(who({ names: ['ss1b.example.com'] })).to.equal('Server ss1 backup');
  });

  it('is of two members with one certificate the one at its address, else the active one, else the first', () => {
    expect(who({ names: ['ss2.example.com'], address: '10.1.2.2' })).to.equal('Server ss2 backup');
    expect(who({ names: ['ss2.example.com'] })).to.equal('Server ss2 primary');
    const [, ss2] = pairs;
    if (ss2 === undefined) throw new Error('no ss2');
    ss2.active = ss2.member('backup');
    expect(who({ names: ['ss2.example.com'] })).to.equal('Server ss2 backup');
    ss2.active = undefined;
  });

  it('is no pair member by the name of one that is not reached by TLS', () => {
    expect(who({ names: ['ss3.example.com'] })).to.equal('Endpoint');
  });

  it('is no Server on an External listener, whatever it shows', () => {
    expect(who({ names: ['ss1a.example.com'], side: 'External' })).to.equal('Endpoint');
    expect(who({ names: ['media.example.com'], side: 'External' })).to.equal('Endpoint');
    expect(who({ names: ['sbc1.example.com'], side: 'External' })).to.equal('Sbc');
  });

  it('is a Proxy by the name that all proxies share, and by its hand-over token, wherever it comes from', () => {
    expect(who({ names: ['proxies.example.com'], handedOver: true })).to.equal('Proxy');
    expect(who({ names: ['proxies.example.com'] })).to.equal('Endpoint');
    expect(who({ handedOver: true })).to.equal('Endpoint');
  });

  it('is still by range what it was', () => {
    expect(who({ transport: 'TCP', address: '198.51.100.7' })).to.equal('Sbc');
  });
});
