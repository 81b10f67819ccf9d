import type { Address } from './address.ts';

/** How a session description's media flow (RFC 3264 5.1). */
export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

/** One audio stream. `version` must grow with every change (RFC 3264 8). */
export function sdp(media: Address, version: number, direction: Direction = 'sendrecv'): string {
  return [
    'v=0',
    `o=- ${media.port} ${version} IN IP4 ${media.address}`,
    's=-',
    `c=IN IP4 ${media.address}`,
    't=0 0',
    `m=audio ${media.port} RTP/AVP 0`,
    'a=rtpmap:0 PCMU/8000',
    `a=${direction}`,
    '',
  ].join('\r\n');
}

export function directionOf(body: string): Direction {
  const directions: readonly Direction[] = ['sendonly', 'recvonly', 'inactive'];
  return directions.find((direction) => body.includes(`\na=${direction}`)) ?? 'sendrecv';
}

/** What answers an offer (RFC 3264 6.1). */
export function answering(offer: Direction): Direction {
  if (offer === 'sendonly') return 'recvonly';
  if (offer === 'recvonly') return 'sendonly';
  return offer;
}
