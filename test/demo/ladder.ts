import { reasonPhrase } from '../../proxy/sip/response.ts';
import type { TraceLine } from '../peers/trace.ts';

/** Columns for the time of a message. */
const margin = 9;

/** How a part of a line is meant; the terminal decides what that looks like. */
export type Tone = 'request' | 'provisional' | 'success' | 'failure' | 'quiet' | 'strong';

export type Paint = (tone: Tone, text: string) => string;

export interface LadderOptions {
  /** What an `IP:PORT` is called above its line. */
  readonly nameOf: (address: string) => string;
  readonly paint: Paint;
  /** Columns to draw in, 80 by default. */
  readonly width?: number;
}

/**
 * Draws messages as a ladder: a column a participant in order of appearance, an arrow a message. What was repeated is
 * drawn once. `trace` must hold each message once, in order of time.
 */
export function ladder(trace: readonly TraceLine[], options: LadderOptions): string[] {
  const [first] = trace;
  if (!first) return [];
  const { nameOf, paint, width = 80 } = options;
  const names = participants(trace, nameOf);
  const pitch = Math.min(18, Math.floor((width - margin) / names.length));
  const column = (name: string): number => margin + names.indexOf(name) * pitch + Math.floor(pitch / 2);
  const lines = [heading(names, column, paint)];
  for (const line of trace) {
    const from = column(nameOf(line.from));
    const to = column(nameOf(line.to));
    if (from === to) continue;
    const time = `${(line.at - first.at).toFixed(1)} ms`.padStart(margin - 1);
    lines.push(`${paint('quiet', time)} ${rung(names.map(column), from, to, line.what, paint)}`);
  }
  return lines;
}

/** Each message once: what one peer sent and another received is seen twice. */
export function eachOnce(trace: readonly TraceLine[]): TraceLine[] {
  const seen = new Set<string>();
  const sorted = trace.toSorted((a, b) => a.at - b.at);
  return sorted.filter((line) => {
    const key = [line.from, line.to, line.what, line.callId].join(' ');
    const known = seen.has(key);
    seen.add(key);
    return !known;
  });
}

function participants(trace: readonly TraceLine[], nameOf: (address: string) => string): string[] {
  const names: string[] = [];
  for (const { from, to } of trace) {
    for (const name of [nameOf(from), nameOf(to)]) if (!names.includes(name)) names.push(name);
  }
  return names;
}

function heading(names: readonly string[], column: (name: string) => number, paint: Paint): string {
  let line = '';
  for (const name of names) line = `${line.padEnd(column(name) - Math.floor(name.length / 2))}${name} `;
  return paint('strong', line.trimEnd());
}

/** `│──INVITE──▶│     │`, from the first lifeline on, without the time before it. */
function rung(columns: readonly number[], from: number, to: number, what: string, paint: Paint): string {
  const [start, end] = from < to ? [from, to] : [to, from];
  const room = end - start - 2;
  const title = titleOf(what);
  const text = title.length + 2 > room ? title.slice(0, room) : ` ${title} `;
  const before = Math.floor((room - text.length) / 2);
  const shaft = '─'.repeat(before) + text + '─'.repeat(room - text.length - before);
  const arrow = from < to ? `${shaft}▶` : `◀${shaft}`;
  const lifelines = (low: number, high: number): string => {
    let line = '';
    for (let x = low; x < high; x += 1) line += columns.includes(x) ? '│' : ' ';
    return paint('quiet', line);
  };
  const last = columns.at(-1) ?? end;
  return lifelines(margin, start + 1) + paint(toneOf(what), arrow) + lifelines(end, last + 1);
}

/** `INVITE`, `180 Ringing`. */
function titleOf(what: string): string {
  const status = Number.parseInt(what, 10);
  return Number.isNaN(status) ? what : `${status} ${reasonPhrase(status)}`;
}

function toneOf(what: string): Tone {
  const status = Number.parseInt(what, 10);
  if (Number.isNaN(status)) return 'request';
  if (status < 200) return 'provisional';
  return status < 300 ? 'success' : 'failure';
}
