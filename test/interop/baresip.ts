import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { eventually } from '../peers/deadline.ts';
import { ownAddress } from '../peers/loopback.ts';
import { Program } from './program.ts';
import { DOMAIN, PASSWORD, PORTS, type Stage } from './stage.ts';

export interface BaresipOptions {
  readonly user: string;
  readonly transport: 'UDP' | 'TCP' | 'TLS';
  /** Its outbound proxy; the stage's by default. */
  readonly proxy?: string;
  /** Whom it sends messages to and watches the presence of. */
  readonly contact?: string;
}

interface Said {
  readonly event?: boolean;
  readonly type?: string;
  readonly param?: string;
}

/** A baresip of its own address, steered over its ctrl_tcp module: JSON in netstrings. */
export class Baresip {
  readonly user: string;
  readonly program: Program;
  readonly #control: Socket;
  /** Its events since forget() was called, as TYPE or TYPE: what. */
  #events: string[] = [];
  #buffer = '';

  private constructor(user: string, program: Program, control: Socket) {
    this.user = user;
    this.program = program;
    this.#control = control;
    control.setEncoding('latin1').on('data', (chunk: string) => this.#read(chunk));
  }

  static async start(stage: Stage, { user, transport, proxy, contact }: BaresipOptions): Promise<Baresip> {
    const address = ownAddress();
    const folder = stage.newFolder();
    const outbound = `${proxy ?? stage.proxyAddress}:${proxy === undefined ? PORTS[transport] : 5060}`;
    const account = `<sip:${user}@${DOMAIN};transport=${transport.toLowerCase()}>;auth_pass=${PASSWORD};regint=300`;
    writeFileSync(join(folder, 'config'), configuration(address));
    writeFileSync(
      join(folder, 'accounts'),
      `${account};outbound="sip:${outbound};transport=${transport.toLowerCase()}"\n`,
    );
    writeFileSync(
      join(folder, 'contacts'),
      contact === undefined ? '' : `"${contact}" <sip:${contact}@${DOMAIN}>;presence=p2p\n`,
    );
    writeFileSync(join(folder, 'current_contact'), contact === undefined ? '' : `sip:${contact}@${DOMAIN}\n`);
    const program = Program.start('baresip', ['-s', '-f', folder], folder);
    try {
      let control: Socket | undefined;
      await eventually(20_000, `${user}'s baresip listens for commands`, async () => {
        control = await connected(address);
        return control !== undefined;
      });
      if (control === undefined) throw new Error('not connected');
      return new Baresip(user, program, control);
    } catch (error) {
      await program.end();
      throw error;
    }
  }

  command(command: string, params?: string): void {
    const text = JSON.stringify({ command, ...(params === undefined ? {} : { params }) });
    this.#control.write(`${text.length}:${text},`);
  }

  dial(user: string): void {
    this.command('dial', `sip:${user}@${DOMAIN}`);
  }

  /** Resolves when it rings. */
  async rings(): Promise<void> {
    await this.has('CALL_INCOMING');
    // Its menu knows the call only after the event has been told
    await this.says('Incoming call from');
    await new Promise((resolve) => setTimeout(resolve, 300));
  }

  /** Resolves when this event has come since forget(). */
  async has(type: string): Promise<void> {
    await eventually(15_000, `${this.user}'s baresip says ${type} (said ${this.#events.join(', ') || 'nothing'})`, () =>
      this.#events.some((event) => event.startsWith(type)),
    );
  }

  /** Resolves when its SIP trace, or what it says, has this. */
  async says(what: string | RegExp): Promise<void> {
    await eventually(15_000, `${this.user}'s baresip says ${String(what)}`, () =>
      typeof what === 'string' ? this.program.output.includes(what) : what.test(this.program.output),
    );
  }

  /** What was said and has happened so far counts no more. */
  forget(): void {
    this.#events = [];
    this.program.output = '';
  }

  async end(): Promise<void> {
    this.#control.destroy();
    await this.program.end();
  }

  #read(chunk: string): void {
    this.#buffer += chunk;
    for (;;) {
      const colon = this.#buffer.indexOf(':');
      const length = Number(this.#buffer.slice(0, colon));
      if (colon < 0 || this.#buffer.length < colon + length + 2) return;
      const said = JSON.parse(this.#buffer.slice(colon + 1, colon + 1 + length)) as Said;
      this.#buffer = this.#buffer.slice(colon + length + 2);
      if (said.event === true) this.#events.push(`${said.type ?? ''}: ${said.param ?? ''}`);
    }
  }
}

function configuration(address: string): string {
  const modules = ['g711', 'aubridge'].map((name) => `module ${name}.so`);
  const apps = ['contact', 'menu', 'presence', 'ctrl_tcp'].map((name) => `module_app ${name}.so`);
  return [
    `sip_listen ${address}:5060`,
    'sip_certificate',
    'audio_player aubridge,a',
    'audio_source aubridge,a',
    // No tones: nobody hears them, and playing them holds up a machine without a sound card
    'audio_path /nonexistent',
    'ringback_disabled yes',
    'module_path /usr/lib/baresip/modules',
    ...modules,
    'module_tmp uuid.so',
    'module_tmp account.so',
    ...apps,
    `ctrl_tcp_listen ${address}:4444`,
    '',
  ].join('\n');
}

async function connected(address: string): Promise<Socket | undefined> {
  const socket = connect(4444, address);
  try {
    await once(socket, 'connect');
    return socket.on('error', () => undefined);
  } catch {
    return undefined;
  }
}
