import { Header } from '../../proxy/sip/header.ts';
import type { Message } from '../../proxy/sip/message.ts';
import { param, parseNameAddr } from '../../proxy/sip/name-addr.ts';
import { authorization, chooseChallenge, type Challenge } from './digest.ts';
import { newCallId, newTag, type RequestDraft } from './draft.ts';
import type { PhoneLine } from './phone-line.ts';
import { SipRefusal } from './sip-refusal.ts';
import type { Remote } from './wire.ts';

export interface RegistrationOptions {
  readonly password: string;
  /** Asked for, seconds. */
  readonly expires: number;
  /** Parameters of its Contact, as written: `;+sip.instance="<urn:uuid:…>";reg-id=1`. */
  readonly contactParams: string;
}

/** What a 200 to REGISTER confirmed of a phone's own contact. */
export interface Confirmed {
  /** Its URI; undefined once it is removed. */
  readonly contact: string | undefined;
  /** When the REGISTER was sent, and the earliest that the contact may end, ms since 1970. */
  readonly asked: number;
  readonly until: number;
}

/** A phone's registration (RFC 3261 10.2), kept up until it is removed. */
export class PhoneRegistration {
  readonly #line: PhoneLine;
  readonly #options: RegistrationOptions;
  readonly #callId = newCallId();
  readonly #tag = newTag();
  #cseq = 0;
  #challenge: Challenge | undefined;
  #nonceCount = 0;
  #refresh: NodeJS.Timeout | undefined;
  #flow: Remote | undefined;
  #granted = 0;
  #contacts: readonly string[] = [];
  #contact: string;
  /** Contacts it had before, whose removal no 200 has confirmed yet. */
  readonly #left = new Set<string>();
  #confirmed: Confirmed | undefined;

  constructor(line: PhoneLine, options: RegistrationOptions) {
    this.#line = line;
    this.#options = options;
    this.#contact = line.contact;
  }

  /** Undefined until a first 200. */
  get confirmed(): Confirmed | undefined {
    return this.#confirmed;
  }

  /** Where the last REGISTER was answered from. */
  get flow(): Remote | undefined {
    return this.#flow;
  }

  /** Seconds granted; 0 if not registered. */
  get granted(): number {
    return this.#granted;
  }

  /** URIs of all contacts that the last 200 listed. */
  get contacts(): readonly string[] {
    return this.#contacts;
  }

  /** Another contact in place of the one it has, which the same REGISTER removes. Rejects with SipRefusal. */
  async move(contact: string): Promise<void> {
    this.#left.add(this.#contact);
    this.#left.delete(contact);
    this.#contact = contact;
    await this.register();
  }

  /** Rejects with SipRefusal. 0 seconds removes the contact. */
  async register(seconds = this.#options.expires): Promise<void> {
    this.#line.transactions.stop(this.#refresh);
    let at = Date.now();
    let asked = seconds;
    let response = await this.#ask(asked);
    for (let tries = 0; tries < 3 && this.#mayTryAgain(response, tries); tries += 1) {
      if (response.status === 423) asked = Number(response.value(Header.MinExpires));
      at = Date.now();
      response = await this.#ask(asked);
    }
    if (response.status >= 300) {
      this.#granted = 0;
      throw new SipRefusal(response.status, `REGISTER of ${this.#line.aor}: ${response.status} ${response.reason}`);
    }
    this.#grantedBy(response, at);
  }

  stop(): void {
    this.#line.transactions.stop(this.#refresh);
    this.#granted = 0;
  }

  #mayTryAgain(response: Message, tries: number): boolean {
    if (response.status === 423) return Number(response.value(Header.MinExpires)) > 0;
    if (response.status !== 401) return false;
    const challenge = chooseChallenge(challengesOf(response));
    const refused = this.#challenge !== undefined && this.#nonceCount > 0 && challenge?.stale === false && tries > 0;
    this.#challenge = challenge;
    this.#nonceCount = 0;
    return challenge !== undefined && !refused;
  }

  #ask(seconds: number): Promise<Message> {
    this.#cseq += 1;
    return new Promise((resolve, reject) => {
      void this.#line.send(this.#draft(seconds), this.#line.proxy, {
        final: (response, remote) => {
          this.#flow = remote;
          resolve(response);
        },
        failed: (why) => reject(new SipRefusal(0, `REGISTER of ${this.#line.aor}: ${why}`)),
      });
    });
  }

  #draft(seconds: number): RequestDraft {
    const { aor, domain, user } = this.#line;
    const uri = `sip:${domain}`;
    const lines = [
      `From: <${aor}>;tag=${this.#tag}`,
      `To: <${aor}>`,
      `Call-ID: ${this.#callId}`,
      `CSeq: ${this.#cseq} REGISTER`,
      `Contact: <${this.#contact}>${this.#options.contactParams}`,
      ...[...this.#left].map((contact) => `Contact: <${contact}>;expires=0`),
      `Expires: ${seconds}`,
      'User-Agent: phone stand-in',
    ];
    if (this.#options.contactParams.includes('reg-id')) lines.push('Supported: outbound, path');
    if (this.#challenge) {
      this.#nonceCount += 1;
      const { password } = this.#options;
      const value = authorization(this.#challenge, { user, password }, 'REGISTER', uri, this.#nonceCount);
      lines.push(`Authorization: ${value}`);
    }
    return { method: 'REGISTER', uri, lines };
  }

  #grantedBy(response: Message, asked: number): void {
    const contacts = response.values(Header.Contact).map((value) => parseNameAddr(value));
    this.#contacts = contacts.map(({ uri }) => uri);
    const own = contacts.find(({ uri }) => uri === this.#contact);
    const granted = own ? (param(own.params, 'expires') ?? response.value(Header.Expires) ?? '0') : '0';
    this.#granted = Number(granted);
    this.#left.clear();
    const contact = this.#granted > 0 ? this.#contact : undefined;
    this.#confirmed = { contact, asked, until: asked + this.#granted * 1000 };
    if (this.#granted > 0) this.#refreshAfter(this.#granted * 500);
  }

  #refreshAfter(delay: number): void {
    this.#refresh = this.#line.transactions.after(delay, () => {
      this.register().catch(() => {
        this.#line.counter.add('failed to refresh');
        this.#refreshAfter(1000);
      });
    });
  }
}

/** WWW-Authenticate holds commas within one value, so its fields are taken one by one. */
function challengesOf(response: Message): string[] {
  const found: string[] = [];
  for (let i = response.find(Header.WwwAuthenticate); i >= 0; i = response.find(Header.WwwAuthenticate, i + 1)) {
    found.push(response.fieldValue(i));
  }
  return found;
}
