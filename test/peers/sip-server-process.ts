import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseAddress } from './address.ts';
import { eventually } from './deadline.ts';
import { hasOneOf, onJsonLine } from './json-lines.ts';
import { ask, type MemberStatus } from './sip-server/link.ts';
import type { MemberReport } from './sip-server/member.ts';
import type { TraceLine, Tracer } from './trace.ts';

type Said = MemberReport | { readonly trace: TraceLine };
const isSaid = (value: unknown): value is Said => hasOneOf(value, 'event', 'trace');

const program = fileURLToPath(new URL('sip-server-stand-in.ts', import.meta.url));

/** One member of a pair as a process: `await pair.primary.kills()`. */
export class SipServerProcess {
  readonly sip: string;
  readonly #link: string;
  readonly #arguments: readonly string[];
  readonly #tracer: Tracer | undefined;
  readonly #on: readonly string[];
  #child: ChildProcess | undefined;
  #reports: MemberReport[] = [];
  #stderr = '';

  /** `on`: what its command begins with, where it runs on a host of its own. */
  constructor(sip: string, link: string, argv: readonly string[], tracer?: Tracer, on: readonly string[] = []) {
    this.sip = sip;
    this.#link = link;
    this.#arguments = ['--listen', sip, '--link', link, ...argv];
    this.#tracer = tracer;
    this.#on = on;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** What it said of itself since it was started. */
  get reports(): readonly MemberReport[] {
    return this.#reports;
  }

  /** Resolves when it serves or stands by. */
  async starts(): Promise<void> {
    this.#reports = [];
    const flags = this.#tracer ? ['--trace'] : [];
    const [file = '', ...argv] = [...this.#on, process.execPath, program, ...this.#arguments, ...flags];
    const child = spawn(file, argv, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    child.stdin.on('error', () => undefined); // it ended
    child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-4000);
    });
    onJsonLine(child.stdout, isSaid, (said) => {
      if ('trace' in said) this.#tracer?.(said.trace);
      else this.#reports.push(said);
    });
    await eventually(30_000, `SIP Server ${this.sip} starts`, () => {
      if (child.exitCode !== null) throw new Error(`SIP Server ${this.sip} ended: ${this.#stderr}`);
      return this.#reports.length > 0;
    });
  }

  /** Undefined if it doesn't answer. */
  status(): Promise<MemberStatus | undefined> {
    return ask(parseAddress(this.#link), { ask: 'status' }, 1000);
  }

  async serves(): Promise<void> {
    await eventually(10_000, `SIP Server ${this.sip} serves`, async () => (await this.status())?.state === 'Active');
  }

  async follows(): Promise<void> {
    await eventually(10_000, `SIP Server ${this.sip} follows`, async () => (await this.status())?.following === true);
  }

  /** X-Genesys-Route of its INVITEs from now on; undefined: none. */
  async routesBy(uri: string | undefined): Promise<void> {
    await ask(parseAddress(this.#link), { ask: 'genesysRoute', ...(uri === undefined ? {} : { uri }) });
  }

  pauses(): void {
    this.#child?.kill('SIGSTOP');
  }

  wakes(): void {
    this.#child?.kill('SIGCONT');
  }

  isPromoted(): void {
    this.#child?.kill('SIGUSR2');
  }

  /** kill -9; resolves when it is gone. */
  async isKilled(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }
}

export interface PairOptions {
  /** Addresses of the members' SIP ports, `IP:PORT`. Their links listen on the same with another port. */
  readonly primary: string;
  readonly backup: string;
  readonly linkPort: number;
  readonly accounts: string;
  readonly domain: string;
  readonly outbound: readonly string[];
  /** More of the stand-in's options: `['--backup-mode', '503']`. */
  readonly more?: readonly string[];
  readonly tracer?: Tracer;
  /** What the members' commands begin with, where they run on hosts of their own. */
  readonly on?: { readonly primary: readonly string[]; readonly backup: readonly string[] };
}

/** A SIP Server pair. */
export class SipServerPair {
  readonly primary: SipServerProcess;
  readonly backup: SipServerProcess;

  constructor({ primary, backup, linkPort, accounts, domain, outbound, more = [], tracer, on }: PairOptions) {
    const link = (sip: string): string => `${parseAddress(sip).address}:${linkPort}`;
    const common = ['--accounts', accounts, '--domain', domain, '--outbound', outbound.join(','), ...more];
    const argv = (role: string, peer: string): string[] => ['--role', role, '--peer', link(peer), ...common];
    this.primary = new SipServerProcess(primary, link(primary), argv('primary', backup), tracer, on?.primary);
    this.backup = new SipServerProcess(backup, link(backup), argv('backup', primary), tracer, on?.backup);
  }

  /** Resolves when the primary serves and the backup follows it. */
  async starts(): Promise<void> {
    await Promise.all([this.primary.starts(), this.backup.starts()]);
    await Promise.all([this.primary.serves(), this.backup.follows()]);
  }

  async ends(): Promise<void> {
    await Promise.all([this.primary.isKilled(), this.backup.isKilled()]);
  }
}
