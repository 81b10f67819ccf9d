import { parseMessage, type Message } from '../../proxy/sip/message.ts';
import {
  TransactionLayer,
  type ClientOwner,
  type ClientTransaction,
  type ServerTransaction,
  type TransactionUser,
} from '../../proxy/transaction/layer.ts';
import { TimerWheel, type Timer } from '../../proxy/transaction/timers.ts';
import type { Connection, Hop, Listener } from '../../proxy/transport/hop.ts';
import type { Appointment } from './clock.ts';
import type { Host } from './network.ts';
import { StreamSide } from './stream-side.ts';
import type { World } from './world.ts';

/** How a request of an agent ended: its final response, or none. */
export type Outcome = Message | 'timeout' | 'unreachable';

export interface Hearing {
  provisional?(message: Message): void;
  /** A 2xx to INVITE is told every time that it comes. */
  final(outcome: Outcome): void;
}

/**
 * A SIP user agent of the simulated world: RFC 3261's transactions on virtual time, over UDP and TCP. What it says
 * and when is its subclasses'.
 */
export abstract class Agent implements TransactionUser {
  readonly world: World;
  readonly host: Host;
  readonly layer: TransactionLayer;
  readonly #wheel: AgentWheel;
  readonly #streams: StreamSide;
  readonly #listeners: Record<'UDP' | 'TCP', Listener>;
  closed = false;

  constructor(world: World, host: Host) {
    this.world = world;
    this.host = host;
    const listener = (transport: 'UDP' | 'TCP'): Listener => ({
      transport,
      address: host.address,
      port: 5060,
      side: 'Both',
      advertisedAddress: host.address,
      advertisedPort: 5060,
    });
    this.#listeners = { UDP: listener('UDP'), TCP: listener('TCP') };
    this.#wheel = new AgentWheel(world, host);
    this.layer = new TransactionLayer({
      send: (text, hop) => this.transmit(text, hop),
      now: () => world.clock.now,
      timers: this.#wheel,
      user: this,
      log: world.log,
    });
    this.#streams = new StreamSide(host, world.network, {
      message: (text, connection) =>
        this.#received(text, this.hop('TCP', connection.remoteAddress, connection.remotePort, connection)),
      failed: (hop) => this.layer.transportError(hop),
      closed: (connection) => this.disconnected(connection),
    });
  }

  /** Opens its port. */
  listen(): void {
    this.host.sockets.set(5060, {
      receive: (text, address, port) => this.#received(text, this.hop('UDP', address, port)),
    });
    this.host.acceptors.set(5060, (end) => this.#streams.accept(end));
  }

  /** Closes its port: who sends there is refused. */
  deafen(): void {
    this.host.sockets.delete(5060);
    this.host.acceptors.delete(5060);
  }

  /** Its process ends. */
  close(): void {
    this.closed = true;
    this.deafen();
    this.#streams.close();
  }

  hop(transport: 'UDP' | 'TCP', address: string, port = 5060, connection?: Connection): Hop {
    return { transport, address, port, listener: this.#listeners[transport], connection };
  }

  transmit(text: string, hop: Hop): void {
    if (this.closed) return;
    if (hop.transport === 'UDP') this.world.network.send(this.host, 5060, hop.address, hop.port, text);
    else this.#streams.send(text, hop);
  }

  /** Sends a request whose top Via has `branch`. */
  ask(text: string, branch: string, method: string, hop: Hop, hearing: Hearing): ClientTransaction {
    return this.layer.send(text, branch, method, hop, new Listening(this, hearing));
  }

  newBranch(): string {
    return this.world.unique('z9hG4bK-', this.host.name);
  }

  abstract request(transaction: ServerTransaction, request: Message, from: Hop): void;
  abstract cancel(invite: ServerTransaction, cancel: Message, from: Hop): void;
  abstract ack(ack: Message, from: Hop): void;

  /** A stream of ours ended. */
  disconnected(_connection: Connection): void {}

  connectionGone(): void {}

  mayAnswer(): boolean {
    return true;
  }

  mayEnd(): boolean {
    return true;
  }

  foreignCancel(): void {}

  strayResponse(_response: Message): void {}

  abstract unmatchedCancel(transaction: ServerTransaction, cancel: Message, from: Hop): void;

  #received(text: string, from: Hop): void {
    if (this.closed) return;
    this.layer.receive(parseMessage(text), from);
  }
}

class Listening implements ClientOwner {
  readonly #agent: Agent;
  readonly #hearing: Hearing;
  #ended = false;

  constructor(agent: Agent, hearing: Hearing) {
    this.#agent = agent;
    this.#hearing = hearing;
  }

  response(transaction: ClientTransaction, message: Message): void {
    if (message.status < 200) this.#hearing.provisional?.(message);
    else if (!this.#ended || (transaction.method === 'INVITE' && message.status < 300)) this.#end(message);
  }

  timeout(): void {
    if (!this.#ended) this.#end('timeout');
  }

  unreachable(): void {
    if (!this.#ended) this.#end('unreachable');
  }

  #end(outcome: Outcome): void {
    this.#ended = true;
    if (!this.#agent.closed) this.#hearing.final(outcome);
  }
}

/** Advances when its timers are due. */
class AgentWheel extends TimerWheel {
  readonly #world: World;
  readonly #host: Host;
  #wake: Appointment | undefined;

  constructor(world: World, host: Host) {
    super(world.clock.now);
    this.#world = world;
    this.#host = host;
  }

  override schedule(timer: Timer, at: number): void {
    super.schedule(timer, at);
    this.#wakeAt(at);
  }

  #wakeAt(due: number): void {
    const { clock } = this.#world;
    const at = Math.max(Math.ceil(due / 10) * 10, clock.now + 1);
    if (this.#wake !== undefined) {
      if (this.#wake.at <= at) return;
      this.#wake.run = undefined;
    }
    this.#wake = clock.at(at, () => {
      this.#wake = undefined;
      this.#host.happens(() => {
        this.advance(clock.now);
        const next = this.next();
        if (next !== undefined) this.#wakeAt(next);
      });
    });
  }
}
