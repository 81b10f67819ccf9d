import { expect } from 'chai';
import { forwardRequest } from '../../../proxy/routing/forward.ts';
import type { Received } from '../../../proxy/routing/received.ts';
import { Header } from '../../../proxy/sip/header.ts';
import { parseMessage, type Message } from '../../../proxy/sip/message.ts';
import { parseUri } from '../../../proxy/sip/uri.ts';
import type { Hop, Transport } from '../../../proxy/transport/hop.ts';
import { invite } from '../../builders.ts';

function hop(transport: Transport): Hop {
  const listener = {
    transport,
    address: '10.1.0.1',
    port: 5060,
    side: 'Both',
    advertisedAddress: '10.1.0.1',
    advertisedPort: 5060,
  } as const;
  return { transport, address: '192.0.2.1', port: 5060, listener };
}

/** A hop at a listener that is reached elsewhere than where it is bound. */
function at(advertisedPort: number, side: 'Internal' | 'External'): Hop {
  const { listener, ...rest } = hop('UDP');
  return { ...rest, listener: { ...listener, side, advertisedPort } };
}

/** What goes out by one transport of what came by another, or between two hops. */
function copy(text: string, from: Transport | Hop, to: Hop, name = 'p'): Message {
  const message = parseMessage(text);
  const received: Received = {
    message,
    from: typeof from === 'string' ? hop(from) : from,
    sender: 'Endpoint',
    member: undefined,
    uri: message.uri,
    target: parseUri(message.uri),
    ownRoutes: 0,
    lastOwn: undefined,
    strict: false,
    token: undefined,
    handover: undefined,
    forged: false,
    route: undefined,
    maxForwards: 70,
    maxBreadth: 60,
    loop: 1,
  };
  const sent = forwardRequest(
    received,
    { hop: to, branch: 'z9hG4bKx', recordRoute: 'token', maxBreadth: 60 },
    { recordRouteHost: name === '' ? undefined : name },
  );
  return parseMessage(sent);
}

describe('a copy between two listeners of one transport', () => {
  it('has a Record-Route of each, since neither side may come back by the other’s (RFC 5658)', () => {
    const routes = copy(invite({}), at(5070, 'Internal'), at(30_060, 'External'), '').values(Header.RecordRoute);
    expect(routes).to.deep.equal(['<sip:token@10.1.0.1:30060;lr>', '<sip:token@10.1.0.1:5070;lr>']);
  });

  it('has one where a name stands for both, or both are reached at one place', () => {
    const named = copy(invite({}), at(5070, 'Internal'), at(30_060, 'External')).values(Header.RecordRoute);
    expect(named).to.deep.equal(['<sip:token@p;lr>']);
    const same = copy(invite({}), at(5060, 'Internal'), at(5060, 'External'), '').values(Header.RecordRoute);
    expect(same).to.deep.equal(['<sip:token@10.1.0.1:5060;lr>']);
  });
});

describe('a copy that changes transport', () => {
  const lengthless = invite({ body: 'v=0\r\n' }).replace(/Content-Length: \d+\r\n/, '');

  it('says its length on a stream, which datagrams and WebSockets need not (RFC 3261 16.6 step 10)', () => {
    for (const stream of ['TCP', 'TLS'] as const) {
      expect(copy(lengthless, 'WS', hop(stream)).value(Header.ContentLength)).to.equal('5');
    }
    expect(copy(lengthless, 'WS', hop('UDP')).has(Header.ContentLength)).to.equal(false);
  });

  it('is recorded with transport=ws towards WebSocket, with TLS or without (RFC 7118 5.2.2)', () => {
    for (const webSocket of ['WS', 'WSS'] as const) {
      const routes = copy(invite({}), webSocket, hop('UDP')).values(Header.RecordRoute);
      expect(routes).to.deep.equal(['<sip:token@p;lr>', '<sip:token@p;transport=ws;lr>']);
      expect(copy(invite({}), 'UDP', hop(webSocket)).via.transport).to.equal(webSocket);
    }
  });

  it('offers a TLS server that we dial to send its requests back that way (RFC 5923 5)', () => {
    expect(copy(invite({}), 'UDP', hop('TLS')).via.params).to.contain(';alias');
    expect(copy(invite({}), 'UDP', hop('TCP')).via.params).not.to.contain('alias');
    const connection = {
      number: 1,
      transport: 'TLS',
      remoteAddress: '192.0.2.1',
      remotePort: 5060,
      inbound: true,
      open: true,
      holds: 0,
    } as const;
    expect(copy(invite({}), 'UDP', { ...hop('TLS'), connection }).via.params).not.to.contain('alias');
  });
});
