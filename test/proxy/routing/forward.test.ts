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

/** What goes out by one transport of what came by another. */
function copy(text: string, from: Transport, to: Hop): Message {
  const message = parseMessage(text);
  const received: Received = {
    message,
    from: hop(from),
    sender: 'Endpoint',
    member: undefined,
    uri: message.uri,
    target: parseUri(message.uri),
    ownRoutes: 0,
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
    { recordRouteHost: 'p' },
  );
  return parseMessage(sent);
}

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
