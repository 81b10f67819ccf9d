import { Header } from '../sip/header.ts';
import type { Edit } from '../sip/edit.ts';
import type { Message } from '../sip/message.ts';
import { ownText } from '../sip/own-text.ts';
import type { SipError } from '../sip/sip-error.ts';
import { parseUri } from '../sip/uri.ts';
import { deltaSeconds } from '../registrar/contact.ts';
import { checkRegister, evictions, grant, type Change } from '../registrar/register.ts';
import type { Pair } from '../upstream/pair.ts';
import type { Binding, Stamp } from '../store/records.ts';
import { Timer } from '../transaction/timers.ts';
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
  readonly #aor: string;
  /** Where it was sent first: it has a place there while it is under way. */
  readonly pair: Pair;
  /** Clocks are read when the REGISTER arrives: of two that cross, the later one sent wins. */
  readonly #arrived: number;

  private constructor(core: Core, context: ResponseContext, aor: string, pair: Pair) {
    this.pair = pair;
    this.#core = core;
    this.#context = context;
    this.#aor = ownText(aor);
    this.#arrived = core.wall();
  }

  /** Refuses what must not reach a server: too brief, a Path from a phone, a contact that is no URI. */
  static begin(core: Core, context: ResponseContext, aor: string, pair: Pair): Registration | SipError {
    const { message, sender } = context.received;
    const refused = checkRegister(message, core.config.registration, sender);
    return refused ?? new Registration(core, context, aor, pair);
  }

  granted(message: Message): void {
    const core = this.#core;
    const request = this.#context.received.message;
    const granted = grant(request, message, core.config.registration);
    const saves: Promise<void>[] = [];
    if (granted.all === true) {
      for (const binding of core.replica.bindings(this.#aor, this.#arrived)) saves.push(this.#remove(binding));
    }
    for (const change of granted.changes) {
      if (change.expires > 0) saves.push(this.#save(change));
      else {
        const known = core.replica.binding(this.#aor, change.id);
        if (known !== undefined && known.removed !== true) saves.push(this.#remove(known));
        else if (!core.replica.inTouch) saves.push(this.#removeUnseen(change.id));
      }
    }
    for (const binding of evictions(
      core.replica.bindings(this.#aor, core.wall()),
      core.config.registration.maxContacts,
    )) {
      core.counts.contactsEvicted++;
      saves.push(this.#remove(binding));
    }
    const edit = returning(message, this.#context.server.hop);
    for (const { index, value } of granted.replace) edit.replace(index, value);
    for (const line of granted.append) edit.append(line);
    this.#copyPath(edit, message);
    if (granted.changes.some((change) => change.regId !== undefined && change.expires > 0))
      this.#sayOutbound(edit, message);
    this.#log(granted.changes, granted.all === true);
    this.#respondAfter(saves, edit.render(), message.status);
  }

  #save(change: Change): Promise<void> {
    const core = this.#core;
    const { from, sender, message } = this.#context.received;
    core.counts.registered++;
    const contact = parseUri(change.contact);
    const port = contact.port === 0 ? 5060 : contact.port;
    const nated = from.transport === 'UDP' && (contact.host !== from.address || port !== from.port);
    const path = sender === 'Sbc' ? message.values(Header.Path) : [];
    const owned = sender !== 'Sbc' && (from.connection !== undefined || nated);
    if (owned && from.connection !== undefined) core.flows.hold(from.connection, core.now() + change.expires);
    return core.replica.save({
      aor: this.#aor,
      id: ownText(change.id),
      contact: ownText(change.contact),
      q: change.q,
      transport: from.transport,
      sourceAddress: from.address,
      sourcePort: from.port,
      expires: this.#arrived + change.expires,
      stamp: this.#stamp(change.id),
      ...(change.instance === undefined ? {} : { instance: ownText(change.instance) }),
      ...(change.regId === undefined ? {} : { regId: change.regId }),
      ...(path.length === 0 ? {} : { path: path.map(ownText) }),
      ...(owned ? { owner: core.config.place.name, boot: core.boot, flow: from.connection?.number ?? 0 } : {}),
    });
  }

  /** A tombstone, kept until the latest expiry of what it replaces and a minute more. */
  #remove(binding: Binding): Promise<void> {
    this.#core.counts.unregistered++;
    const { owner: _owner, boot: _boot, flow: _flow, ...rest } = binding;
    return this.#core.replica.save({
      ...rest,
      expires: binding.expires + 60_000,
      stamp: this.#stamp(binding.id),
      removed: true,
    });
  }

  /** It may be bound in a data centre that is out of touch, and must not come back with it: no binding lasts longer. */
  #removeUnseen(id: string): Promise<void> {
    const { registration } = this.#core.config;
    this.#core.counts.unregistered++;
    return this.#core.replica.save({
      aor: this.#aor,
      id: ownText(id),
      ...{ contact: '', q: 0, transport: 'UDP', sourceAddress: '', sourcePort: 0 },
      expires: this.#arrived + registration.maxExpires + 60_000,
      stamp: this.#stamp(id),
      removed: true,
    });
  }

  #stamp(id: string): Stamp {
    const { message } = this.#context.received;
    return this.#core.replica.stamp(this.#aor, id, ownText(message.callId), message.cseq, this.#arrived);
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
      { aor: this.#aor, contacts, seconds, from: `${from.transport} ${from.address}:${from.port}` },
      all || seconds === 0 ? 'unregistered' : 'registered',
    );
  }

  #respondAfter(saves: readonly Promise<void>[], text: string, status: number): void {
    if (saves.length === 0) {
      this.#context.respond(text, status);
      return;
    }
    const answer = new DelayedAnswer(this.#core, this.#context, text, status);
    this.#core.timers.schedule(answer, this.#core.now() + COMMIT_WAIT);
    Promise.all(saves).then(
      () => answer.now(),
      (error: unknown) => {
        this.#core.log.error({ err: error, aor: this.#aor }, 'a registration could not be queued for the store');
        answer.now();
      },
    );
  }
}

class DelayedAnswer extends Timer {
  readonly #core: Core;
  readonly #context: ResponseContext;
  readonly #text: string;
  readonly #status: number;
  #sent = false;

  constructor(core: Core, context: ResponseContext, text: string, status: number) {
    super();
    this.#core = core;
    this.#context = context;
    this.#text = text;
    this.#status = status;
  }

  now(): void {
    if (this.#sent) return;
    this.#sent = true;
    this.#core.timers.cancel(this);
    this.#context.respond(this.#text, this.#status);
  }

  /** The commit is late; it goes on behind the answer. */
  override expire(): void {
    if (this.#sent) return;
    this.#core.counts.commitLate++;
    this.now();
  }
}
