import {
  COMMA,
  EQUAL,
  QUOTE,
  SEMICOLON,
  SPACE,
  equalsIgnoreCase,
  isWhitespace,
  skipLws,
  skipQuoted,
  unquote,
} from './grammar.ts';

/**
 * The offset after the value that starts at `pos`: a quoted string, or all up to `;`, `,`, LWS or another control
 * character, where a reader in C may take it to end; -1: a quote is open.
 */
export function skipParamValue(text: string, pos: number, end: number): number {
  if (pos < end && text.charCodeAt(pos) === QUOTE) return skipQuoted(text, pos, end);
  while (pos < end) {
    const c = text.charCodeAt(pos);
    if (c <= SEMICOLON && (c === SEMICOLON || c === COMMA || c <= SPACE)) break;
    pos++;
  }
  return pos;
}

/**
 * The value of the first parameter called `name` (lower case) in the list `;a=b;c` at text[start, end), RFC 3261's
 * generic-param: without quotes and escapes, '' for one without a value, undefined if there is none. Never throws.
 */
export function paramAt(text: string, start: number, end: number, name: string): string | undefined {
  let pos = skipLws(text, start, end);
  while (pos < end) {
    // What does not belong between two parameters is skipped: the others are still readable.
    if (text.charCodeAt(pos) !== SEMICOLON) {
      pos++;
      continue;
    }
    const nameStart = skipLws(text, pos + 1, end);
    pos = nameStart;
    while (pos < end) {
      const c = text.charCodeAt(pos);
      if (c === EQUAL || c === SEMICOLON || isWhitespace(c)) break;
      pos++;
    }
    const wanted = equalsIgnoreCase(text, nameStart, pos, name);
    pos = skipLws(text, pos, end);
    if (pos < end && text.charCodeAt(pos) === EQUAL) {
      const valueStart = skipLws(text, pos + 1, end);
      pos = skipParamValue(text, valueStart, end);
      if (pos < 0) return undefined;
      if (wanted) return unquote(text.slice(valueStart, pos));
    } else if (wanted) {
      return '';
    }
  }
  return undefined;
}

/** Whether one of `names` (lower case) stands twice in the list `;a=b;c`, which no parameter may (RFC 3261 7.3.1). */
export function isAnyTwice(params: string, names: readonly string[]): boolean {
  const { length } = params;
  let seen = 0;
  for (let pos = skipLws(params, 0, length); pos < length; pos = skipLws(params, pos, length)) {
    const nameStart = skipLws(params, pos + 1, length);
    const nameEnd = skipParamName(params, nameStart, length);
    for (let i = 0; i < names.length; i++) {
      if (!equalsIgnoreCase(params, nameStart, nameEnd, names[i] ?? '')) continue;
      if ((seen & (1 << i)) !== 0) return true;
      seen |= 1 << i;
    }
    pos = skipLws(params, nameEnd, length);
    // an open quote takes all the rest
    if (params.charCodeAt(pos) === EQUAL) pos = skipParamValue(params, skipLws(params, pos + 1, length), length);
    if (pos < 0) return false;
  }
  return false;
}

/**
 * The tag among the header parameters of a From or To at text[start, end); '' if there is none. Undefined where another
 * reader may find another one: a quote is left open, another tag or a second address follows, the tag is empty, or what
 * is no parameter.
 */
export function tagAt(text: string, start: number, end: number): string | undefined {
  let tag: string | undefined;
  let pos = skipLws(text, start, end);
  while (pos < end) {
    if (text.charCodeAt(pos) !== SEMICOLON) return undefined;
    const nameStart = skipLws(text, pos + 1, end);
    const nameEnd = skipParamName(text, nameStart, end);
    let valueStart = nameEnd;
    let valueEnd = nameEnd;
    pos = skipLws(text, nameEnd, end);
    if (pos < end && text.charCodeAt(pos) === EQUAL) {
      valueStart = skipLws(text, pos + 1, end);
      valueEnd = skipParamValue(text, valueStart, end);
      if (valueEnd < 0 || nameEnd === nameStart) return undefined;
      pos = skipLws(text, valueEnd, end);
    }
    if (!equalsIgnoreCase(text, nameStart, nameEnd, 'tag')) continue;
    const found = unquote(text.slice(valueStart, valueEnd));
    // RFC 3261 25.1: a token; to whoever answers, one without it is no tag, and gets a second
    if (found === '') return undefined;
    // 7.3.1: no parameter may stand twice. Some add their tag to one that is there already: every reader finds the same
    if (tag !== undefined && tag !== found) return undefined;
    tag = found;
  }
  return tag ?? '';
}

function skipParamName(text: string, pos: number, end: number): number {
  while (pos < end) {
    const c = text.charCodeAt(pos);
    if (c === EQUAL || c === SEMICOLON || c === COMMA || isWhitespace(c)) break;
    pos++;
  }
  return pos;
}
