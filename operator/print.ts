import { styleText } from 'node:util';
import { getBorderCharacters, table } from 'table';
import { stringify } from 'yaml';

export type Format = 'table' | 'json' | 'yaml';

/** Prints a value for programs. */
export function printValue(value: unknown, format: 'json' | 'yaml'): void {
  process.stdout.write(format === 'json' ? `${JSON.stringify(value, undefined, 2)}\n` : stringify(value));
}

/** How many columns the reader has; what is not a terminal gets a table as wide as it is, or as COLUMNS says. */
export function screenWidth(): number {
  return process.stdout.columns ?? (Number(process.env['COLUMNS']) || Infinity);
}

/**
 * Rows under a heading, columns parted by two blanks.
 * @param squeezed the column that is cut, with an ellipsis, where the table is wider than `width`
 */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  squeezed: number,
  width: number,
): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const excess = widths.reduce((sum, each) => sum + each + 2, -2) - width;
  const room = Math.max((widths[squeezed] ?? 0) - Math.max(excess, 0), 8);
  const cells = all.map((row, line) =>
    row.map((cell, column) => coloured(column === squeezed ? cut(cell, room) : cell, line === 0)),
  );
  const text = table(cells, {
    border: getBorderCharacters('void'),
    drawHorizontalLine: () => false,
    columnDefault: { paddingLeft: 0, paddingRight: 2 },
  });
  return `${text
    .trimEnd()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')}\n`;
}

function cut(text: string, room: number): string {
  if (text.length <= room) return text;
  // the end of a proxy's or contact's name tells it from others
  const tail = Math.floor((room - 1) / 2);
  return `${text.slice(0, room - 1 - tail)}…${text.slice(text.length - tail)}`;
}

const GOOD = new Set(['Ready', 'InService', 'Available']);
const BAD = new Set(['Unreachable', 'Unavailable', 'OutOfService', 'Down', 'DualPrimary', 'Degraded']);

/** Only on a terminal, and not with NO_COLOR: styleText looks. */
function coloured(text: string, heading: boolean): string {
  const options = { stream: process.stdout };
  if (heading) return styleText('bold', text, options);
  const [state = ''] = text.split(' ');
  if (GOOD.has(state)) return styleText('green', text, options);
  return BAD.has(state) ? styleText('red', text, options) : text;
}

/** `12s`, `5m`, `3h`, `2d`: how long a time is from now, either way. */
export function age(iso: string, now: number): string {
  const seconds = Math.round(Math.abs(now - Date.parse(iso)) / 1000);
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)}h` : `${Math.round(seconds / 86_400)}d`;
}
