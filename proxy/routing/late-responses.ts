import { Message, RELAXED_LIMITS } from '../sip/message.ts';
import type { Via } from '../sip/via.ts';
import type { Hop } from '../transport/hop.ts';
import type { Core } from './core.ts';

/** For so long a response is remembered whose new connection may still fail, ms: more than that takes. */
const KEPT = 10_000;
/** So many at once; one more forgets the oldest. */
const LIMIT = 256;

interface LateResponse {
  readonly text: string;
  readonly via: Via;
  readonly since: number;
  /** Where it was sent last. */
  hop: Hop;
  /** Where else its Via's sent-by leads; undefined: not asked for yet. */
  further: Hop[] | undefined;
}

/**
 * Responses to servers, proxies and SBCs whose connection is closed (RFC 3261 18.2.2): they go over a new one to the
 * address that the request came from, and where that can't be reached to wherever the Via's sent-by leads (RFC 3263 5).
 * Over UDP, where ICMP said that the address can't be reached, straight to there.
 */
export class LateResponses {
  readonly #core: Core;
  /** Oldest first. */
  #sent: LateResponse[] = [];

  constructor(core: Core) {
    this.#core = core;
  }

  /** `from`: the connection that is closed, or the address that can't be reached, of somebody trusted. */
  send(text: string, from: Hop): void {
    const { via } = new Message(text, RELAXED_LIMITS);
    if (from.transport === 'UDP') {
      void this.#further({ text, via, since: this.#core.now(), hop: from, further: undefined });
      return;
    }
    const port = via.port === 0 ? (from.transport === 'TLS' ? 5061 : 5060) : via.port;
    const hop = this.#core.reach.inward(from.transport, from.address, port);
    const response = { text, via, since: this.#core.now(), hop: hop ?? from, further: undefined };
    if (hop === undefined) void this.#further(response);
    else this.#over(response, hop);
  }

  /** Nothing reaches `hop`: what was sent there goes elsewhere. */
  failed(hop: Hop): void {
    if (this.#sent.length === 0) return;
    const failed = this.#sent.filter((response) => isSame(response.hop, hop));
    if (failed.length === 0) return;
    this.#sent = this.#sent.filter((response) => !isSame(response.hop, hop));
    for (const response of failed) if (response.since > this.#core.now() - KEPT) void this.#further(response);
  }

  /** ICMP: what began with `sent` did not get to `hop`. @returns whether that was one of these */
  undelivered(hop: Hop, sent: string): boolean {
    const at = this.#sent.findIndex((response) => isSame(response.hop, hop) && response.text.startsWith(sent));
    const response = this.#sent[at];
    if (response === undefined) return false;
    this.#sent.splice(at, 1);
    void this.#further(response);
    return true;
  }

  async #further(response: LateResponse): Promise<void> {
    response.further ??= await this.#targets(response);
    const hop = response.further.shift();
    if (hop === undefined) this.#core.counts.responsesLost++;
    else this.#over(response, hop);
  }

  #over(response: LateResponse, hop: Hop): void {
    response.hop = hop;
    this.#sent.push(response);
    const since = this.#core.now() - KEPT;
    if (this.#sent.length > LIMIT || (this.#sent[0]?.since ?? since) <= since)
      this.#sent = this.#sent.slice(-LIMIT).filter((one) => one.since > since);
    this.#core.counts.responsesAnew++;
    this.#core.outside.send(response.text, hop);
  }

  /**
   * RFC 3263 5: by the sent-by's port its addresses, without one its SRV records for the transport. Over UDP the address
   * itself comes last, which may be there again.
   */
  async #targets({ hop, via }: LateResponse): Promise<Hop[]> {
    const isUdp = hop.transport === 'UDP';
    const port = via.port === 0 ? '' : `:${via.port}`;
    const host = via.host.includes(':') ? `[${via.host}]` : via.host;
    const uri = `${hop.transport === 'TLS' ? 'sips' : 'sip'}:${host}${port};transport=${isUdp ? 'udp' : 'tcp'}`;
    try {
      const hops = await this.#core.outside.resolve(uri, 0);
      const others = hops.filter((one) => one.transport === hop.transport && !isSame(one, hop));
      return isUdp ? [...others, hop] : others;
    } catch (error) {
      this.#core.log.debug({ sentBy: via.host, err: error }, 'a response has nowhere else to go');
      return isUdp ? [hop] : [];
    }
  }
}

function isSame(a: Hop, b: Hop): boolean {
  return a.address === b.address && a.port === b.port && a.transport === b.transport;
}
