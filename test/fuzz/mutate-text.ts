import type { Random } from '../simulation/random.ts';
import { LINES, MARKS, METHODS, NAMES, NUMBERS, PARAMS, STATUSES, URIS } from './grammar.ts';

/** No mutated message is longer, bytes: a little above what the proxy takes. */
const MAX_LENGTH = 70_000;

/** Changes one message; `other` lends header fields. */
type Mutation = (text: string, random: Random, other: string) => string;

/** One to four changes to a message, most of them such as its grammar suggests. Its Content-Length is mostly put right. */
export function mutateText(text: string, random: Random, other: string): string {
  let mutated = text;
  for (let changes = random.int(1, 4); changes > 0; changes--) {
    mutated = random.pick(MUTATIONS)(mutated, random, other);
  }
  if (random.chance(0.7)) mutated = withLength(mutated);
  return mutated.slice(0, MAX_LENGTH);
}

const MUTATIONS: readonly Mutation[] = [
  // Bytes
  (text, random) => put(text, random.int(0, text.length), random.pick(MARKS)),
  (text, random) => put(text, random.int(0, text.length), random.pick(MARKS), 1),
  (text, random) => put(text, random.int(0, text.length), String.fromCharCode(random.int(0, 255)), 1),
  (text, random) => put(text, random.int(0, text.length), '', random.int(1, 20)),
  (text, random) => text.slice(0, random.int(0, text.length)),
  (text, random) => {
    const at = random.int(0, text.length);
    const piece = text.slice(at, at + random.int(1, 80));
    return put(text, at, piece.repeat(random.chance(0.05) ? 1000 : random.int(1, 8)));
  },
  // Fields
  (text, random) => atLine(text, random, (line) => [line, line]),
  (text, random) => atLine(text, random, () => []),
  (text, random) => atLine(text, random, (line) => [random.pick(LINES), line]),
  (text, random) => atLine(text, random, () => [random.pick(LINES)]),
  (text, random, other) => atLine(text, random, (line) => [line, random.pick(linesOf(other).lines)]),
  (text, random) => atLine(text, random, (line) => Array.from({ length: random.pick([2, 60, 257]) }, () => line)),
  (text, random) => {
    const { lines, body } = linesOf(text);
    const [moved = ''] = lines.splice(random.int(0, lines.length - 1), 1);
    lines.splice(random.int(0, lines.length), 0, moved);
    return [...lines, '', body].join('\r\n');
  },
  (text, random) => atLine(text, random, (line) => [renamed(line, random)]),
  (text, random) => atLine(text, random, (line) => [line.replace(/[ ,;]/, (found) => `${found}\r\n ${found}`)]),
  // Values
  (text, random) => replaceOne(text, random, /\d+/g, random.pick(NUMBERS)),
  (text, random) => replaceOne(text, random, /(?:sips?|tel):[^\s>,"]*/g, random.pick(URIS)),
  (text, random) => replaceOne(text, random, /;[^;\r\n,>]*/g, random.pick(PARAMS)),
  (text, random) => replaceOne(text, random, /(?=[;>\r])/g, random.pick(PARAMS)),
  (text, random) => replaceOne(text, random, /"[^"\r\n]*"/g, '"\\"'),
  (text, random) => replaceOne(text, random, /;(?=[a-z])|=|[<>]/g, ''),
  // The start line, and CSeq with it
  (text, random) => {
    const method = random.pick(METHODS);
    const changed = text.replace(/^[^ \r\n]+(?= )/, (first) => (first === 'SIP/2.0' ? first : method));
    return random.chance(0.8) ? changed.replace(/^(CSeq *: *\d+ +)\S+/im, `$1${method}`) : changed;
  },
  (text, random) => text.replace(/^SIP\/2\.0 \d+/, `SIP/2.0 ${random.pick(STATUSES)}`),
  (text, random) => text.replace('SIP/2.0', random.pick(['SIP/3.0', 'sip/2.0', 'SIP/2.', 'HTTP/1.1', 'SIP/2.00'])),
];

function put(text: string, at: number, piece: string, instead = 0): string {
  return text.slice(0, at) + piece + text.slice(at + instead);
}

function linesOf(text: string): { readonly lines: string[]; readonly body: string } {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return { lines: text.split('\r\n'), body: '' };
  return { lines: text.slice(0, end).split('\r\n'), body: text.slice(end + 4) };
}

/** Puts other lines where one is, never the start line. */
function atLine(text: string, random: Random, instead: (line: string) => readonly string[]): string {
  const { lines, body } = linesOf(text);
  const at = random.int(1, Math.max(lines.length - 1, 1));
  lines.splice(at, 1, ...instead(lines[at] ?? ''));
  return [...lines, '', body].join('\r\n');
}

function renamed(line: string, random: Random): string {
  const colon = Math.max(line.indexOf(':'), 0);
  const name = line.slice(0, colon);
  const other = random.pick([
    NAMES[name.toLowerCase()] ?? name,
    name.toUpperCase(),
    `${name} `,
    `${name}\r\n `,
    `X-${name}`,
  ]);
  return other + line.slice(colon);
}

function replaceOne(text: string, random: Random, what: RegExp, by: string): string {
  const found = [...text.matchAll(what)];
  if (found.length === 0) return text;
  const { index, 0: old } = random.pick(found);
  return put(text, index, by, old.length);
}

/** Content-Length says how long the body is; nothing happens to a message without one. */
function withLength(text: string): string {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return text;
  const head = text.slice(0, end).replace(/^(content-length|l)( *: *)[^\r\n]*/im, `$1$2${text.length - end - 4}`);
  return head + text.slice(end);
}
