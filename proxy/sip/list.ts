import { COMMA, LESS, PAREN_OPEN, QUOTE, isWhitespace, skipComment, skipLws, skipQuoted, unfold } from './grammar.ts';

/**
 * The offset of the comma that ends the list value at `pos`, or `end`. Commas in quoted strings, angle brackets and
 * comments don't count; one of these left open takes all the rest. A parenthesis opens a comment only after LWS:
 * elsewhere it is a character of a URI's user.
 */
export function valueEnd(text: string, pos: number, end: number): number {
  const from = pos;
  while (pos >= 0 && pos < end) {
    const c = text.charCodeAt(pos);
    if (c === COMMA) return pos;
    if (c === QUOTE) pos = skipQuoted(text, pos, end);
    else if (c === LESS) pos = text.indexOf('>', pos);
    else if (c === PAREN_OPEN && (pos === from || isWhitespace(text.charCodeAt(pos - 1)))) {
      pos = skipComment(text, pos, end);
    } else pos++;
  }
  return end;
}

/** The values of the list text[start, end) onto `values`, unfolded and trimmed; empty ones are left out. */
export function splitList(text: string, start: number, end: number, values: string[]): void {
  for (let pos = start; pos < end;) {
    const comma = valueEnd(text, pos, end);
    if (skipLws(text, pos, comma) < comma) values.push(unfold(text, pos, comma));
    pos = comma + 1;
  }
}

/**
 * Where the list goes on after its first value: the offset of the next value in text[start, end) without the LWS before
 * it; -1 if there is none.
 */
export function afterFirstValue(text: string, start: number, end: number): number {
  let pos = start;
  for (let values = 0; pos < end;) {
    const comma = valueEnd(text, pos, end);
    if (skipLws(text, pos, comma) < comma && values++ === 1) return skipLws(text, pos, comma);
    pos = comma + 1;
  }
  return -1;
}
