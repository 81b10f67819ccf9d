import { Header } from '../sip/header.ts';
import type { Edit } from '../sip/edit.ts';
import type { Message } from '../sip/message.ts';
import { SipError } from '../sip/sip-error.ts';
import { deltaSeconds } from '../registrar/contact.ts';
import { checkRegister, evictions, grant, type Asked, type Change } from '../registrar/register.ts';
import type { Binding, Stamp } from '../store/records.ts';
import type { Waiting } from '../store/write-behind.ts';
import { NOWHERE, type Timer } from '../transaction/timers.ts';
import type { Core } from './core.ts';
import { returning } from './forward.ts';
import type { ResponseContext } from './response-context.ts';

/** How long a 200 waits for its bindings to be committed, ms. */
const COMMIT_WAIT = 250;
/** Seconds within which a phone sends a keep-alive (RFC 5626 4.4.1, 4.4.2: 24 to 29 s keep NAT bindings open over UDP). */
const FLOW_TIMER = { datagram: 30, stream: 120 };

/**
 * One REGISTER on its way: the server decides, and only what its 2xx grants is stored. The 200 waits for the commit,
 * but not for long: authentication is never refused because the store is slow.
 */
export class Registration {
  readonly #core: Core;
  readonly #context: ResponseContext;
  readonly aor: string;
  readonly #asked: Asked;
  /** Clocks are read when the REGISTER arrives: of two that cross, the later one sent wins. */
  readonly #arrived: number;
  /** When it was sent, which may be long before it was read. */
  readonly #sent: number;

  private constructor(core: Core, context: ResponseContext, aor: string, asked: Asked) {
    this.#core = core;
    this.#context = context;
    this.aor = aor;
    this.#asked = asked;
    this.#arrived = core.wall();
    this.#sent = core.arrivals.earliest(core.now(), this.#arrived);
  }

  /** Refuses what must not reach a server: too brief, a Path from a phone, a contact that is no URI. */
  static begin(core: Core, context: ResponseContext, aor: string): Registration | SipError {
    const { message, sender } = context.received;
    const asked = checkRegister(message, core.config.registration, sender);
    return asked instanceof SipError ? asked : new Registration(core, context, aor, asked);
  }

  granted(message: Message): void {
    const core = this.#core;
    const request = this.#context.received.message;
    const granted = grant(request, this.#asked, message, core.config.registration);
    const answer = new Answer(core, this.#context);
    if (granted.all === true) {
      const unseen = core.replica.inTouch ? [] : core.replica.endedIds(this.aor, this.#arrived);
      for (const binding of core.replica.bindings(this.aor, this.#arrived)) this.#remove(binding, answer);
      for (const id of unseen) this.#removeUnseen(id, answer);
    }
    const { maxContacts } = core.config.registration;
    // of more than it may have those named last stay, and the others are not stored first
    let surplus = granted.changes.length <= maxContacts ? 0 : bound(granted.changes) - maxContacts;
    for (const change of granted.changes) {
      if (change.expires > 0 && surplus-- > 0) core.counts.contactsEvicted++;
      else if (change.expires > 0) this.#save(change, answer);
      else {
        const known = core.replica.binding(this.aor, change.id);
        if (known !== undefined && known.removed !== true) this.#remove(known, answer);
        else if (known !== undefined || this.#mayRemember()) this.#removeUnseen(change.id, answer);
      }
    }
    if (core.replica.countBindings(this.aor, core.wall()) > maxContacts) {
      for (const binding of evictions(core.replica.bindings(this.aor, core.wall()), maxContacts)) {
        core.counts.contactsEvicted++;
        this.#remove(binding, answer);
      }
    }
    const edit = returning(message, this.#context.server.hop);
    for (const { index, value } of granted.replace) edit.replace(index, value);
    for (const line of granted.append) edit.append(line);
    this.#copyPath(edit, message);
    if (granted.changes.some((change) => change.regId !== undefined && change.expires > 0))
      this.#sayOutbound(edit, message);
    this.#log(granted.changes, granted.all === true);
    answer.send(edit.render(), message.status);
  }

  #save(change: Change, answer: Answer): void {
    const core = this.#core;
    const { from, sender, message } = this.#context.received;
    core.counts.registered++;
    const { host, port } = change.uri;
    const nated = from.transport === 'UDP' && (host !== from.address || (port === 0 ? 5060 : port) !== from.port);
    const owned = sender !== 'Sbc' && (from.connection !== undefined || nated);
    // one that is closed is never heard of again, and would be kept until the binding ends
    if (owned && from.connection?.open === true) core.flows.hold(from.connection, core.now() + change.expires);
    const binding: Mutable<Binding> = {
      aor: this.aor,
      id: change.id,
      contact: change.contact,
      q: change.q,
      transport: from.transport,
      sourceAddress: from.address,
      sourcePort: from.port,
      expires: this.#arrived + change.expires,
      stamp: this.#stamp(change.id),
    };
    if (change.instance !== undefined) binding.instance = change.instance;
    if (change.regId !== undefined) binding.regId = change.regId;
    const path = sender === 'Sbc' ? message.values(Header.Path) : NO_PATH;
    if (path.length > 0) binding.path = path;
    if (owned) {
      binding.owner = core.config.place.name;
      binding.boot = core.boot;
      binding.flow = from.connection?.number ?? 0;
    }
    this.#store(binding, answer);
  }

  #store(binding: Binding, answer: Answer): void {
    if (this.#core.replica.save(binding, answer)) answer.awaited++;
  }

  /** A tombstone, kept until the latest expiry of what it replaces and a minute more. */
  #remove(binding: Binding, answer: Answer): void {
    this.#core.counts.unregistered++;
    const { owner: _owner, boot: _boot, flow: _flow, ...rest } = binding;
    const expires = binding.expires + 60_000;
    this.#store({ ...rest, expires, stamp: this.#stamp(binding.id), removed: true }, answer);
  }

  /**
   * Who registers and leaves under ever new contacts must not fill the table: no phone leaves more behind than it may
   * have, in each data centre where one is out of touch.
   */
  #mayRemember(): boolean {
    const { config, replica } = this.#core;
    const most = config.registration.maxContacts * (replica.inTouch ? 1 : replica.stores.length);
    return replica.endedIds(this.aor, this.#arrived).length < most;
  }

  /**
   * It may be bound in a data centre that is out of touch, or by a proxy that has yet to write it, as to a store that lost
   * it, and must not come back with them: no binding lasts longer.
   */
  #removeUnseen(id: string, answer: Answer): void {
    const { registration } = this.#core.config;
    this.#core.counts.unregistered++;
    const unseen: Binding = {
      aor: this.aor,
      id,
      ...{ contact: '', q: 0, transport: 'UDP', sourceAddress: '', sourcePort: 0 },
      expires: this.#arrived + registration.maxExpires + 60_000,
      stamp: this.#stamp(id),
      removed: true,
    };
    this.#store(unseen, answer);
  }

  #stamp(id: string): Stamp {
    const { message } = this.#context.received;
    return this.#core.replica.stamp(this.aor, id, message.callId, message.cseq, this.#sent);
  }

  /** RFC 3327 5.3: a phone that knows of Path learns it from the 200, also where the server did not copy it. */
  #copyPath(edit: Edit, message: Message): void {
    const { received } = this.#context;
    if (received.sender !== 'Sbc' || message.has(Header.Path)) return;
    if (!received.message.values(Header.Supported).some((tag) => tag.toLowerCase() === 'path')) return;
    for (const value of received.message.values(Header.Path)) edit.append(`Path: ${value}`);
  }

  /** RFC 5626 6: the phone learns that its flow is kept, and by when it has to be heard of again. */
  #sayOutbound(edit: Edit, message: Message): void {
    const { connection } = this.#context.received.from;
    const required = message.values(Header.Require).some((tag) => tag.toLowerCase() === 'outbound');
    if (!required) edit.append('Require: outbound');
    const told = deltaSeconds(message.value(Header.FlowTimer));
    const seconds = told ?? (connection === undefined ? FLOW_TIMER.datagram : FLOW_TIMER.stream);
    if (told === undefined) edit.append(`Flow-Timer: ${seconds}`);
    if (connection !== undefined) connection.keepAlive = seconds * 1000;
  }

  #log(changes: readonly Change[], all: boolean): void {
    if ((changes.length === 0 && !all) || !this.#core.log.isLevelEnabled('debug')) return;
    const { from } = this.#context.received;
    const contacts = all ? ['*'] : changes.map((change) => change.contact);
    const seconds = Math.round((changes[0]?.expires ?? 0) / 1000);
    this.#core.log.debug(
      { aor: this.aor, contacts, seconds, from: `${from.transport} ${from.address}:${from.port}` },
      all || seconds === 0 ? 'unregistered' : 'registered',
    );
  }
}

/** How many of them bind a contact. */
function bound(changes: readonly Change[]): number {
  return changes.reduce((count, { expires }) => count + Number(expires > 0), 0);
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const NO_PATH: readonly string[] = [];

/** The answer to a REGISTER, which waits until all that it changed is committed. */
class Answer implements Timer, Waiting {
  place = NOWHERE;
  readonly #core: Core;
  /** Undefined once it is answered: a write that waits for the store must not keep it. */
  #context: ResponseContext | undefined;
  #text = '';
  #status = 0;
  /** Changes that are not committed yet. */
  awaited = 0;

  constructor(core: Core, context: ResponseContext) {
    this.#core = core;
    this.#context = context;
  }

  /** Sends it, now or when nothing more is awaited. */
  send(text: string, status: number): void {
    this.#text = text;
    this.#status = status;
    if (this.awaited === 0) this.#now();
    else this.#core.timers.schedule(this, this.#core.now() + COMMIT_WAIT);
  }

  get gaveUp(): boolean {
    return this.#context === undefined;
  }

  committed(): void {
    if (--this.awaited > 0 || this.#status === 0) return;
    this.#core.timers.cancel(this);
    this.#now();
  }

  /** The commit is late; it goes on behind the answer. */
  expire(): void {
    if (this.#status === 0) return;
    this.#core.counts.commitLate++;
    this.#now();
  }

  #now(): void {
    const [context, text, status] = [this.#context, this.#text, this.#status];
    this.#context = undefined;
    this.#text = '';
    this.#status = 0;
    context?.respond(text, status);
  }
}
