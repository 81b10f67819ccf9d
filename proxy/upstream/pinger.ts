import { randomBytes } from 'node:crypto';
import type { Logger as Log } from 'pino';
import { parseMessage, type Message } from '../sip/message.ts';
import type { Member } from './pair.ts';
import { optionsRequest } from './options-request.ts';
import { certificateFault, type TlsMaterial } from '../transport/tls-material.ts';
import { tcpLine, tlsLine, udpLine, type Line, type LineUser } from './ping-line.ts';
import type { PingResult } from './upstreams.ts';

interface PingerOptions {
  /** Numeric: pings leave from it. */
  readonly localAddress: string;
  readonly log: Log;
  /** Certificates, for members that are reached by TLS. */
  readonly tls: TlsMaterial;
  done(member: Member, result: PingResult): void;
}

/** One OPTIONS on its way. */
interface Ping {
  readonly number: number;
  readonly branch: string;
  readonly timeout: number;
  /** On the clock of performance.now(), ms. */
  readonly began: number;
  text: string;
  /** Times it was put on a new connection because the old one had closed. */
  moved: number;
  timer: NodeJS.Timeout | undefined;
}

/** When an OPTIONS is repeated over UDP, ms after the first: one lost datagram is no dead server. */
const REPEATS = [500, 1000];
/** Pings of one member under way at once, at most. */
const PINGS = 64;
/** A connection that ends sooner is not asked about at once: its member may close each one. */
const STEADY = 1000;

/** The edge of the oos-check: sends OPTIONS to members over a socket for each and tells how it ended. */
export class Pinger {
  readonly #options: PingerOptions;
  readonly #probes = new Map<Member, Probe>();

  constructor(options: PingerOptions) {
    this.#options = options;
  }

  /** Its result comes by done(), on a later turn: once, unless a later ping is answered first. `timeout` in ms. */
  ping(member: Member, timeout: number): void {
    let probe = this.#probes.get(member);
    if (probe === undefined || probe.address !== member.address) {
      probe?.close();
      probe = new Probe(member, this.#options);
      this.#probes.set(member, probe);
    }
    probe.ping(timeout);
  }

  /** Closes what belongs to a member that is no longer configured. */
  forget(member: Member): void {
    this.#probes.get(member)?.close();
    this.#probes.delete(member);
  }

  close(): void {
    for (const probe of this.#probes.values()) probe.close();
    this.#probes.clear();
  }
}

/** The pings of one member at one address. */
class Probe {
  readonly address: string;
  readonly #member: Member;
  readonly #options: PingerOptions;
  readonly #id = randomBytes(8).toString('hex');
  readonly #pings = new Map<string, Ping>();
  #count = 0;
  #timeout = 0;
  #line: Line | undefined;
  /** When a ping was first answered over the line, on the clock of performance.now(). */
  #answeredSince: number | undefined;
  #closed = false;
  /** What was last said to be wrong with certificates. */
  #complaint = '';

  constructor(member: Member, options: PingerOptions) {
    this.#member = member;
    this.#options = options;
    this.address = member.address;
  }

  ping(timeout: number): void {
    if (this.#pings.size >= PINGS) return;
    this.#timeout = timeout;
    // RFC 3261 8.1.1.7: unique across restarts, by the id
    const number = ++this.#count;
    const branch = `z9hG4bK${this.#id}${number}`;
    const ping: Ping = { number, branch, timeout, began: performance.now(), text: '', moved: 0, timer: undefined };
    this.#pings.set(branch, ping);
    this.#await(ping, 0);
    this.#send(ping);
  }

  close(): void {
    this.#closed = true;
    for (const ping of this.#pings.values()) clearTimeout(ping.timer);
    this.#pings.clear();
    this.#line?.close();
  }

  #await(ping: Ping, repeats: number): void {
    const after = performance.now() - ping.began;
    const repeat = this.#member.transport === 'UDP' ? repeatAt(repeats, ping.timeout) : undefined;
    ping.timer = setTimeout(
      () => {
        if (repeat === undefined) this.#timedOut(ping);
        else {
          this.#await(ping, repeats + 1);
          this.#send(ping);
        }
      },
      (repeat ?? ping.timeout) - after,
    );
  }

  #send(ping: Ping): void {
    if (this.#line?.open !== true && !this.#connect()) return;
    const { local } = this.#line ?? { local: '' };
    if (local === '') return; // ready() sends it
    ping.text ||= this.#request(ping, local);
    this.#line?.send(ping.text);
  }

  #request(ping: Ping, local: string): string {
    return optionsRequest({
      transport: this.#member.transport,
      remote: this.#member.label,
      local,
      branch: ping.branch,
      tag: ping.number.toString(36),
      callId: `${this.#id}-${ping.number}`,
      cseq: ping.number,
    });
  }

  #connect(): boolean {
    this.#answeredSince = undefined;
    let line: Line | undefined;
    try {
      line = this.#line = this.#open({
        ready: () => {
          for (const ping of this.#pings.values()) this.#send(ping);
        },
        message: (text) => this.#receive(text),
        failed: (error) => {
          if (this.#line === line) this.#lineFailed(error);
        },
      });
    } catch (error) {
      // a certificate directory of ours that can't be used
      this.#complain(error instanceof Error ? error.message : String(error));
      setImmediate(() => this.#failAll('CertificateRefused'));
      return false;
    }
    return true;
  }

  #open(user: LineUser): Line {
    const { address } = this;
    const { port, transport, tlsPeer } = this.#member;
    const { localAddress, tls } = this.#options;
    if (tlsPeer !== undefined) return tlsLine(address, port, localAddress, user, tls.towards(tlsPeer));
    return (transport === 'UDP' ? udpLine : tcpLine)(address, port, localAddress, user);
  }

  #receive(text: string): void {
    let message: Message;
    try {
      message = parseMessage(text);
    } catch (error) {
      this.#options.log.debug(
        { err: error, member: this.#member.label },
        'a member answered OPTIONS with what is no SIP',
      );
      return;
    }
    const ping = message.isRequest ? undefined : this.#pings.get(message.via.branch);
    if (ping === undefined || message.status < 200) return;
    this.#answeredSince ??= performance.now();
    this.#complaint = '';
    const rtt = performance.now() - ping.began;
    for (const earlier of this.#pings.values()) {
      if (earlier.began <= ping.began) this.#end(earlier);
    }
    this.#options.done(this.#member, { answered: message.status, rtt });
  }

  #timedOut(ping: Ping): void {
    this.#end(ping);
    // a connection to a host that vanished says nothing for minutes; the next ping tries a new one
    if (this.#member.transport !== 'UDP') this.#line?.close();
    this.#options.done(this.#member, { failed: 'Timeout' });
    if (this.#line?.open !== true) for (const later of this.#pings.values()) this.#move(later);
  }

  #lineFailed(error: NodeJS.ErrnoException): void {
    const fault = certificateFault(error);
    if (fault !== undefined) {
      this.#complain(fault);
      this.#failAll('CertificateRefused');
      return;
    }
    const reason = reasonOf(error);
    const steady = this.#answeredSince !== undefined && performance.now() - this.#answeredSince > STEADY;
    if (reason === 'ConnectionClosed' && this.#pings.size === 0) {
      // an idle one: the member closed it, or died
      if (steady) this.ping(this.#timeout);
      return;
    }
    if (reason === 'ConnectionClosed' && [...this.#pings.values()].every((ping) => ping.moved === 0)) {
      for (const ping of this.#pings.values()) this.#move(ping);
      return;
    }
    this.#failAll(reason);
  }

  /** Once more over a new connection, with what is left of its time. */
  #move(ping: Ping): void {
    ping.moved++;
    ping.text = ''; // its Via names the new connection's end
    this.#send(ping);
  }

  #failAll(failed: 'ConnectionRefused' | 'ConnectionClosed' | 'Unreachable' | 'CertificateRefused'): void {
    if (this.#closed || this.#pings.size === 0) return;
    for (const ping of this.#pings.values()) this.#end(ping);
    this.#options.done(this.#member, { failed });
  }

  /** Once, however often it is asked. */
  #complain(what: string): void {
    if (what !== this.#complaint)
      this.#options.log.warn({ member: this.#member.label }, `a member can't be asked by TLS: ${what}`);
    this.#complaint = what;
  }

  #end(ping: Ping): void {
    clearTimeout(ping.timer);
    this.#pings.delete(ping.branch);
  }
}

/** When the n-th repeat is due, ms after the first sending; a timeout too short for any gets one half-way. */
function repeatAt(n: number, timeout: number): number | undefined {
  const at = REPEATS[n];
  if (at !== undefined && at < timeout) return at;
  return n === 0 ? timeout / 2 : undefined;
}

function reasonOf(error: NodeJS.ErrnoException): 'ConnectionRefused' | 'ConnectionClosed' | 'Unreachable' {
  if (error.code === 'ECONNREFUSED') return 'ConnectionRefused';
  return error.code === 'ECONNRESET' || error.code === 'EPIPE' ? 'ConnectionClosed' : 'Unreachable';
}
