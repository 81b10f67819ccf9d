import type { Binding } from './records.ts';

/** The texts of a binding, as one. */
export interface BindingTexts {
  readonly aor: string;
  readonly id: string;
  /** '' if it is the id. */
  readonly contact: string;
  readonly callId: string;
  readonly sourceAddress: string;
  readonly instance?: string;
  readonly regId?: number;
  readonly path?: readonly string[];
  readonly more?: Readonly<Record<string, unknown>>;
}

export const NUL = '\u0000';
/** The first part of a text whose parts hold a NUL themselves. */
export const QUOTED = '\u0000\u0000';

/** Stands for the instance that the id begins with, as it mostly does; others begin with OTHER. */
const OF_ID = '=';
const OTHER = '+';

/** AOR, id, contact if it differs from the id, Call-ID, source address, and then what not all have. */
export function packTexts(binding: Binding): string {
  const { aor, id, contact, stamp, sourceAddress, instance, regId, path, more, removed } = binding;
  const parts = [aor, id, contact === id && removed !== true ? '' : contact, stamp.callId, sourceAddress];
  if (instance !== undefined || regId !== undefined || path !== undefined || more !== undefined) {
    parts.push(instance === undefined ? '' : instance === instanceOf(id) ? OF_ID : OTHER + instance);
    parts.push(regId === undefined ? '' : String(regId));
    if (path !== undefined || more !== undefined) parts.push(path === undefined ? '' : JSON.stringify(path));
    if (more !== undefined) parts.push(JSON.stringify(more));
  }
  const text = parts.join(NUL);
  return splits(text, parts.length) ? text : `${QUOTED}${NUL}${JSON.stringify(parts)}`;
}

export function unpackTexts(text: string): BindingTexts {
  const [aor = '', id = '', contact = '', callId = '', sourceAddress = '', instance, regId, path, more] = split(text);
  const texts: Mutable<BindingTexts> = { aor, id, contact, callId, sourceAddress };
  if (instance !== undefined && instance !== '')
    texts.instance = instance === OF_ID ? instanceOf(id) : instance.slice(1);
  if (regId !== undefined && regId !== '') texts.regId = Number(regId);
  if (path !== undefined && path !== '') texts.path = JSON.parse(path) as string[];
  if (more !== undefined && more !== '') texts.more = JSON.parse(more) as Record<string, unknown>;
  return texts;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Nothing that is sent over the wire holds a NUL, but an escaped one may be meant. */
function splits(text: string, parts: number): boolean {
  let count = 1;
  for (let at = text.indexOf(NUL); at >= 0; at = text.indexOf(NUL, at + 1)) count++;
  return count === parts && !text.startsWith(QUOTED);
}

function split(text: string): string[] {
  return text.startsWith(QUOTED) ? (JSON.parse(text.slice(QUOTED.length + 1)) as string[]) : text.split(NUL);
}

/** `<instance-id>` of `<instance-id>;<reg-id>`. */
function instanceOf(id: string): string {
  const end = id.lastIndexOf(';');
  return end < 0 ? id : id.slice(0, end);
}
