import { sentByOf } from './routing/forward.ts';
import type { ProxyAddress } from './store/records.ts';
import type { Listener } from './transport/hop.ts';

/**
 * Where other proxies reach a listener, as its proxy publishes it.
 * @param internal what is advertised to SIP Servers and proxies, if not what phones are told
 */
export function reachedAt(listener: Listener, internal: string | undefined): ProxyAddress {
  const { transport, side, address, port, advertisedAddress, advertisedPort } = listener;
  const advertised = internal ?? advertisedAddress;
  // bound to all addresses it can't tell which one is its own
  const isKnown = address !== '0.0.0.0' && address !== '::';
  return {
    transport,
    address: advertised,
    port: advertisedPort,
    side,
    ...(isKnown && (address !== advertised || port !== advertisedPort) ? { local: { address, port } } : {}),
    ...(advertised === advertisedAddress ? {} : { sentBy: sentByOf(listener) }),
  };
}
