import { createHash } from 'node:crypto';
import { EPOCH, type Clock } from './clock.ts';
import type { Fate, Host } from './network.ts';

export interface Line {
  readonly at: number;
  readonly from: string;
  /** Undefined: a note. */
  readonly to: string | undefined;
  readonly label: string;
  readonly callId: string;
}

/** What happened, in order. Kept only where somebody will read it; pings are left out of what is shown. */
export class Trace {
  readonly lines: Line[] = [];
  readonly kept: boolean;
  readonly #clock: Clock;
  readonly #hash = createHash('sha256');

  constructor(clock: Clock, kept: boolean) {
    this.#clock = clock;
    this.kept = kept;
  }

  note(host: Host | undefined, what: string): void {
    if (!this.kept) return;
    this.#add({ at: this.#clock.now, from: host?.name ?? 'world', to: undefined, label: what, callId: '' }, '');
  }

  message(fate: Fate, from: Host, to: Host | undefined, text: string): void {
    if (!this.kept) return;
    const callId = callIdOf(text);
    const label = `${labelOf(text)}${fate === 'sent' ? '' : ` (${fate})`}`;
    this.#add({ at: this.#clock.now, from: from.name, to: to?.name ?? '?', label, callId }, text);
  }

  /** Of every line and every byte: two runs of one seed have one. */
  get hash(): string {
    return this.#hash.copy().digest('hex');
  }

  #add(line: Line, text: string): void {
    this.lines.push(line);
    this.#hash.update(`${line.at} ${line.from} ${line.to ?? ''} ${line.label}\n${text}\n`);
  }
}

export function callIdOf(text: string): string {
  const start = text.indexOf('\r\nCall-ID: ');
  return start < 0 ? '' : text.slice(start + 11, text.indexOf('\r\n', start + 11));
}

function labelOf(text: string): string {
  const first = text.slice(0, text.indexOf('\r\n'));
  const cseq = /\r\nCSeq: (\d+) (\w+)/.exec(text);
  const [, number = '', method = ''] = cseq ?? [];
  return first.startsWith('SIP/2.0 ') ? `${first.slice(8, 11)} (${number} ${method})` : `${method} ${number}`;
}

/** What concerned these calls, and the notes, in columns by host. */
export function ladder(lines: readonly Line[], callIds: ReadonlySet<string>): string {
  const shown = lines.filter((line) => line.to === undefined || callIds.has(line.callId));
  const names = [...new Set(shown.flatMap((line) => (line.to === undefined ? [] : [line.from, line.to])))].sort();
  const width = 16;
  const column = (name: string): number => names.indexOf(name) * width + 4;
  const time = (at: number): string => ((at - EPOCH) / 1000).toFixed(3).padStart(9);
  const head = `${' '.repeat(10)}${names.map((name) => name.padEnd(width)).join('')}`;
  const rows = shown.map((line) => {
    if (line.to === undefined) return `${time(line.at)}  · ${line.from}: ${line.label}`;
    const from = column(line.from);
    const to = column(line.to);
    const [left, right] = from < to ? [from, to] : [to, from];
    const label = ` ${line.label} `;
    const dashes = '-'.repeat(Math.max(0, right - left - 2 - label.length));
    const body = from < to ? `|${label}${dashes}>` : `<${dashes}${label}|`;
    return `${time(line.at)} ${' '.repeat(left)}${body}`;
  });
  return [head, ...rows].join('\n');
}
