import { Counter } from './counter.ts';
import { within } from './deadline.ts';
import { outOfDialog } from './dialog.ts';
import { Names } from './names.ts';
import { PhoneCall } from './phone-call.ts';
import { PhoneLine } from './phone-line.ts';
import { PhoneRegistration, type Confirmed } from './phone-registration.ts';
import type { Patience } from './reach.ts';
import type { Tracer } from './trace.ts';
import { Transactions, type ServerTransaction } from './transactions.ts';
import type { Remote } from './wire.ts';

export interface PhoneOptions {
  readonly user: string;
  readonly domain: string;
  readonly password?: string;
  /** Its own address; without a port, or with port 0, any free one. */
  readonly address: string;
  readonly port?: number;
  readonly transport?: 'UDP' | 'TCP';
  /** Outbound proxy: a name (SRV), a name with port (A), or `IP:PORT`, which never fails over. */
  readonly proxy: string;
  /** `IP:PORT` of the DNS server. */
  readonly dns?: string;
  /** What it does with a call: answers by itself, waits to be told (default), or rejects it with this status. */
  readonly answering?: 'automatically' | 'when told' | number;
  /** How long it rings before it answers by itself, ms. */
  readonly ringsFor?: number;
  /** Registration it asks for, seconds. */
  readonly expires?: number;
  /** Host of its Contact, in place of its address: that of a phone which knows nothing of the NAT before it. */
  readonly contactHost?: string;
  /** Parameters of its registered Contact, as written. */
  readonly contactParams?: string;
  readonly patience?: Partial<Patience>;
  readonly tracer?: Tracer;
}

const usualPatience: Patience = { invite: 1000, other: 4000 };

/** How long a sentence of a test waits for what it says, ms. */
const patienceOfTests = 15_000;

/** A SIP phone scripted as sentences: `await alice.registers(); const call = await alice.calls('bob');`. */
export class Phone {
  /** Calls it has now or had. */
  readonly had: PhoneCall[] = [];
  readonly #options: PhoneOptions;
  readonly #ringing: PhoneCall[] = [];
  readonly #expecting: ((call: PhoneCall) => void)[] = [];
  #line!: PhoneLine;
  #registration!: PhoneRegistration;

  private constructor(options: PhoneOptions) {
    this.#options = options;
  }

  static async start(options: PhoneOptions): Promise<Phone> {
    const phone = new Phone(options);
    await phone.#open();
    return phone;
  }

  get user(): string {
    return this.#line.user;
  }

  /** What it sent and received: `phone.counter.of('received 401 to REGISTER')`. */
  get counter(): Counter {
    return this.#line.counter;
  }

  /** URI it is reached at. */
  get contact(): string {
    return this.#line.contact;
  }

  get isRegistered(): boolean {
    return this.#registration.granted > 0;
  }

  /** URIs of all contacts of its address of record, as its last 200 listed them. */
  get contacts(): readonly string[] {
    return this.#registration.contacts;
  }

  /** What the last 200 to a REGISTER of it confirmed. */
  get confirmed(): Confirmed | undefined {
    return this.#registration.confirmed;
  }

  /** Which proxy answered its last REGISTER. */
  get registeredThrough(): Remote | undefined {
    return this.#registration.flow;
  }

  /** Rejects with SipRefusal; from then on refreshed by itself. */
  async registers(): Promise<void> {
    await this.#registration.register();
  }

  async unregisters(): Promise<void> {
    await this.#registration.register(0);
  }

  /** Takes a contact of its own with these URI parameters (`;line=2`) in place of the one it has. */
  async moves(params: string): Promise<void> {
    await this.#registration.move(`${this.#line.contact}${params}`);
  }

  /** Starts a call to a user of its domain or a URI, without waiting. */
  dials(whom: string, lines: readonly string[] = []): PhoneCall {
    const uri = whom.includes(':') ? whom : `sip:${whom}@${this.#line.domain}`;
    const call = PhoneCall.dial(this.#line, uri, lines);
    this.had.push(call);
    return call;
  }

  /** Calls, and resolves when it is answered; rejects with SipRefusal. */
  calls(whom: string): Promise<PhoneCall> {
    return within(patienceOfTests, `${this.user} calls ${whom}`, this.dials(whom).answered);
  }

  /** The next call that rings here. */
  isCalled(): Promise<PhoneCall> {
    const ringing = this.#ringing.shift();
    if (ringing) return Promise.resolve(ringing);
    const expected = Promise.withResolvers<PhoneCall>();
    this.#expecting.push(expected.resolve);
    return within(patienceOfTests, `${this.user} is called`, expected.promise).finally(() => {
      // Whoever gave up waiting must not take a later call.
      const index = this.#expecting.indexOf(expected.resolve);
      if (index >= 0) this.#expecting.splice(index, 1);
    });
  }

  /** Answers the next call. */
  async answers(): Promise<PhoneCall> {
    const call = await this.isCalled();
    call.answers();
    return call;
  }

  /** Sends OPTIONS to its proxy: the status, or what came instead within `patience` ms. */
  async asksOptions(patience: number): Promise<number | 'refused' | 'silence'> {
    const { aor, proxy } = this.#line;
    const options = outOfDialog('OPTIONS', proxy, `<${aor}>`, `<${proxy}>`);
    return new Promise((resolve) => {
      this.#line.transactions.after(patience, () => resolve('silence'));
      void this.#line.send(options, proxy, {
        final: (response) => resolve(response.status),
        failed: () => resolve('refused'),
      });
    });
  }

  async close(): Promise<void> {
    this.#registration.stop();
    await this.#line.transactions.close();
  }

  async #open(): Promise<void> {
    const { user, domain, address, port = 0, transport = 'UDP', tracer } = this.#options;
    const { password = '', expires = 60, contactHost, contactParams = '', dns, patience } = this.#options;
    const counter = new Counter();
    const transactions = await Transactions.open(
      { address, port, tcp: transport === 'TCP', tracer, counter },
      {
        request: (transaction) => this.#requested(transaction),
        cancelled: (invite) => this.#callOf(invite)?.cancelled(),
        acknowledged: () => undefined,
        lost: (remote) => this.#lost(remote),
      },
    );
    const proxy = `sip:${this.#options.proxy};lr`;
    this.#line = new PhoneLine(
      { user, domain, transport, proxy, contactHost, patience: { ...usualPatience, ...patience } },
      transactions,
      new Names(dns),
      counter,
    );
    this.#registration = new PhoneRegistration(this.#line, { password, expires, contactParams });
  }

  #requested(transaction: ServerTransaction): void {
    const { request } = transaction;
    if (request.toTag !== '') {
      const call = this.had.find(({ callId, localTag }) => callId === request.callId && localTag === request.toTag);
      if (call) call.request(transaction);
      else transaction.respond(481);
    } else if (request.method === 'INVITE') {
      this.#called(transaction);
    } else if (request.method === 'BYE') {
      transaction.respond(481);
    } else {
      transaction.respond(200);
    }
  }

  #called(invite: ServerTransaction): void {
    if (this.#callOf(invite)) {
      this.#line.counter.add('merged INVITE');
      invite.respond(482); // RFC 3261 8.2.2.2: the same INVITE by another way
      return;
    }
    const call = PhoneCall.incoming(this.#line, invite);
    this.had.push(call);
    const { answering = 'when told', ringsFor = 0 } = this.#options;
    if (typeof answering === 'number') {
      call.rejects(answering);
    } else if (answering === 'automatically') {
      this.#line.transactions.after(ringsFor, () => {
        if (!call.hasEnded) call.answers();
      });
    } else {
      const expecting = this.#expecting.shift();
      if (expecting) expecting(call);
      else this.#ringing.push(call);
    }
  }

  #callOf(invite: ServerTransaction): PhoneCall | undefined {
    return this.had.find((call) => call.incoming && call.callId === invite.request.callId);
  }

  /** Its flow ended (RFC 5626 4.4): it registers over a new one. */
  #lost(remote: Remote): void {
    const { flow } = this.#registration;
    const same = flow?.address === remote.address && flow.port === remote.port;
    if (!same || remote.transport !== 'TCP' || !this.isRegistered) return;
    this.counter.add('lost its flow');
    this.#line.names.suspect(remote);
    this.#registration.register().catch(() => this.counter.add('failed to refresh'));
  }
}
