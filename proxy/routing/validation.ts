import { defect } from '../sip/defects.ts';
import { Header } from '../sip/header.ts';
import type { SipError } from '../sip/sip-error.ts';
import type { Core } from './core.ts';
import type { Received } from './received.ts';

/** Schemes of a Request-URI that a SIP Server can route: with tel numbers (RFC 3966) and services (RFC 5031). */
const ROUTABLE: ReadonlySet<string> = new Set(['sip', 'sips', 'tel', 'urn']);

const NONE: readonly string[] = [];

/** RFC 3261 16.3, beyond what parsing has checked: what a request is refused for. */
export function validate(received: Received, { copier }: Core): SipError | undefined {
  const { message } = received;
  // what a server names by its Route is for that hop to understand
  if (!ROUTABLE.has(received.target.scheme) && (received.sender !== 'Server' || received.route === undefined))
    return defect('Unsupported URI Scheme');
  if (received.maxForwards <= 0 && message.method !== 'OPTIONS') return defect('Too Many Hops');
  if (copier.hasLooped(received)) return defect('Loop Detected');
  const required = message.has(Header.ProxyRequire) ? message.values(Header.ProxyRequire) : NONE;
  // 20.29: in an ACK it has nothing to say, since there would be nobody to answer
  if (required.length === 0 || message.method === 'ACK') return undefined;
  return defect('Bad Extension', { headers: [`Unsupported: ${required.join(', ')}`] });
}
