import { SocketAddress, isIPv6 } from 'node:net';

/** A numeric address as sockets report it: IPv6 shortened and in lower case. */
export function canonicalAddress(address: string): string {
  return isIPv6(address) ? new SocketAddress({ address, family: 'ipv6' }).address : address;
}
