import { styleText } from 'node:util';
import type { Paint, Tone } from './ladder.ts';

const width = 80;

const styles: Record<Tone, Parameters<typeof styleText>[0]> = {
  request: 'cyan',
  provisional: 'yellow',
  success: 'green',
  failure: 'red',
  quiet: 'dim',
  strong: 'bold',
};

/** Colours where the terminal has them and NO_COLOR does not forbid it. */
export const paint: Paint = (tone, text) =>
  text === '' ? '' : styleText(styles[tone], text, { stream: process.stdout });

/** What the demo tells on the screen: chapters, and lines with the time since it began. */
export class Story {
  readonly #began = performance.now();
  #chapters = 0;

  chapter(title: string): void {
    this.#chapters += 1;
    process.stdout.write(`\n${paint('strong', `${this.#chapters}. ${title}`)}\n`);
  }

  /** Something that went as it should. */
  tells(text: string): void {
    this.#line(paint('success', '✔'), text);
  }

  /** Something that is being done. */
  says(text: string): void {
    this.#line('·', text);
  }

  /** Something that must not be. */
  complains(text: string): void {
    this.#line(paint('failure', '✘'), text);
  }

  /** Lines as they are, such as tables and ladders. */
  shows(lines: readonly string[]): void {
    process.stdout.write(`${lines.join('\n')}\n`);
  }

  /** Seconds since the demo began. */
  get seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  #line(mark: string, text: string): void {
    const [first = '', ...rest] = wrapped(text, width - 12);
    const time = `${this.seconds.toFixed(2)} s`.padStart(8);
    process.stdout.write(`${paint('quiet', time)}  ${mark} ${first}\n`);
    for (const line of rest) process.stdout.write(`${' '.repeat(12)}${line}\n`);
  }
}

/** `text` in lines of at most `columns`, broken at spaces. */
function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
