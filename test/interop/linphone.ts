import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../peers/deadline.ts';
import { freePort } from '../peers/free-port.ts';
import { LogFile } from './log-file.ts';
import { Program } from './program.ts';
import { DOMAIN, PASSWORD, PORTS, type Stage } from './stage.ts';

export interface LinphoneOptions {
  readonly user: string;
  readonly transport: 'UDP' | 'TCP';
  /** Who may see its presence. */
  readonly friend?: string;
  /** It subscribes to the friend's presence in turn. */
  readonly watches?: boolean;
  /** A call beyond these is answered 486. */
  readonly maxCalls?: number;
}

/** A linphonec, steered by what is typed into it. */
export class Linphone {
  readonly user: string;
  readonly #program: Program;
  readonly #log: LogFile;

  private constructor(user: string, program: Program, log: LogFile) {
    this.user = user;
    this.#program = program;
    this.#log = log;
  }

  static async start(stage: Stage, options: LinphoneOptions): Promise<Linphone> {
    const { user, transport } = options;
    const folder = stage.newFolder();
    // It opens its database there and doesn't make the folder
    mkdirSync(join(folder, '.local/share/linphone'), { recursive: true });
    const proxy = `${stage.proxyAddress}:${PORTS[transport]};transport=${transport.toLowerCase()}`;
    writeFileSync(join(folder, 'rc'), configuration(options, proxy, await freePort()));
    const log = new LogFile(join(folder, 'log'));
    const args = ['-c', join(folder, 'rc'), '-d', '6', '-l', log.path];
    return new Linphone(user, Program.startAtHome('linphonec', args, folder), log);
  }

  get said(): string {
    return `${this.#program.output}\n${this.#log.text}`;
  }

  type(line: string): void {
    this.#program.type(line);
  }

  /** Resolves when its SIP trace, or what it logs, has this since forget(). */
  async says(what: RegExp): Promise<void> {
    await eventually(20_000, `${this.user}'s linphonec says ${String(what)}`, () => what.test(this.#log.text));
  }

  /** Resolves when it has logged this since it began. */
  async hasSaid(what: RegExp): Promise<void> {
    await eventually(20_000, `${this.user}'s linphonec has said ${String(what)}`, () => what.test(this.#log.whole));
  }

  /** Resolves when its call is in this state: IncomingReceived, StreamsRunning, Paused, … */
  async callIs(state: string): Promise<void> {
    await this.says(new RegExp(`moving from state \\w+ to LinphoneCall${state}`));
  }

  forget(): void {
    this.#log.forget();
    this.#program.output = '';
  }

  async end(): Promise<void> {
    await this.#program.end();
  }
}

function configuration(options: LinphoneOptions, proxy: string, port: number): string {
  const { user, transport, friend, watches = false, maxCalls = 2 } = options;
  const known =
    friend === undefined
      ? []
      : ['[friend_0]', `url=<sip:${friend}@${DOMAIN}>`, 'pol=accept', `subscribe=${watches ? 1 : 0}`];
  return [
    '[sip]',
    `sip_port=${transport === 'UDP' ? port : 0}`,
    `sip_tcp_port=${transport === 'TCP' ? port : 0}`,
    'sip_tls_port=0',
    'use_ipv6=0',
    'default_proxy=0',
    '[misc]',
    `max_calls=${maxCalls}`,
    '[rtp]',
    'audio_rtp_port=-1',
    '[net]',
    'firewall_policy=none',
    '[proxy_0]',
    `reg_proxy=<sip:${proxy}>`,
    `reg_route=<sip:${proxy};lr>`,
    `reg_identity=sip:${user}@${DOMAIN}`,
    'reg_expires=600',
    'reg_sendregister=1',
    '[auth_info_0]',
    `username=${user}`,
    `passwd=${PASSWORD}`,
    `realm=${DOMAIN}`,
    ...known,
    '',
  ].join('\n');
}
