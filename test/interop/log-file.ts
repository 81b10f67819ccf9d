import { closeSync, existsSync, openSync, readSync } from 'node:fs';

/** What a program has written into its log, in all and since forget(). */
export class LogFile {
  readonly path: string;
  #read = 0;
  #whole = '';
  #forgotten = 0;

  constructor(path: string) {
    this.path = path;
  }

  get text(): string {
    return this.whole.slice(this.#forgotten);
  }

  get whole(): string {
    if (!existsSync(this.path)) return '';
    const file = openSync(this.path, 'r');
    try {
      const chunk = Buffer.alloc(65_536);
      for (;;) {
        const length = readSync(file, chunk, 0, chunk.length, this.#read);
        if (length === 0) return this.#whole;
        this.#read += length;
        this.#whole += chunk.toString('latin1', 0, length);
      }
    } finally {
      closeSync(file);
    }
  }

  forget(): void {
    this.#forgotten = this.whole.length;
  }
}
