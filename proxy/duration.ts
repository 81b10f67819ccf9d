/** What the manifest and the proxy's configuration take for a duration: `5s`, `1m30s`, `500ms`. */
export const durationPattern = '^([0-9]{1,5}(h|m|s|ms)){1,4}$';

/** What a duration looks like, in a message. */
export const durationForm = 'a number and h, m, s or ms, like 5s, 1m30s or 500ms';

const whole = new RegExp(durationPattern);
const part = /([0-9]+)(ms|h|m|s)/g;

/** `5s`, `1m30s`, `500ms` in milliseconds. Throws RangeError, whose message says what a duration looks like. */
export function parseDuration(text: string): number {
  if (!whole.test(text)) {
    throw new RangeError(`'${text}' is not a duration: write ${durationForm}`);
  }
  let milliseconds = 0;
  for (const [, count, unit] of text.matchAll(part)) milliseconds += Number(count) * unitMilliseconds(unit);
  return milliseconds;
}

/** Milliseconds as the shortest duration that parseDuration reads back: 90000 is `1m30s`, 0 is `0s`. */
export function formatDuration(milliseconds: number): string {
  if (!Number.isInteger(milliseconds) || milliseconds < 0) {
    throw new RangeError(`${milliseconds} ms can't be written as a duration`);
  }
  let rest = milliseconds;
  let text = '';
  for (const unit of ['h', 'm', 's', 'ms']) {
    const count = Math.floor(rest / unitMilliseconds(unit));
    if (count > 0) text += `${count}${unit}`;
    rest -= count * unitMilliseconds(unit);
  }
  return text || '0s';
}

function unitMilliseconds(unit: string | undefined): number {
  switch (unit) {
    case 'h':
      return 3_600_000;
    case 'm':
      return 60_000;
    case 's':
      return 1000;
    default:
      return 1;
  }
}
