import type { Readable } from 'node:stream';

/** Each whole line of a stream that is JSON of the kind `isOne` knows; others are dropped. Errors of the stream are its owner's. */
export function onJsonLine<T>(stream: Readable, isOne: (value: unknown) => value is T, line: (value: T) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const text of lines) {
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        continue;
      }
      if (isOne(value)) line(value);
    }
  });
}

/** Whether it is an object with one of these keys: enough to tell the lines of our own programs apart. */
export function hasOneOf(value: unknown, ...keys: readonly string[]): boolean {
  return typeof value === 'object' && value !== null && keys.some((key) => key in value);
}
