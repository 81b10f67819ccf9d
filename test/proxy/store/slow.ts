import { expect } from 'chai';
import {
  StoreError,
  writeByPromise,
  type KeyChange,
  type Life,
  type Outcome,
  type Store,
} from '../../../proxy/store/store.ts';

/** A store whose writes the test lets succeed or fail, one by one. */
export class Slow implements Store {
  readonly geoLocation = 'dc1';
  readonly asked: string[] = [];
  readonly #open: { resolve(): void; reject(error: Error): void }[] = [];

  follow(): void {}
  put(key: string, value: string, _life?: Life): Promise<void> {
    return this.#ask(`put ${key} ${value}`);
  }
  remove(key: string, held?: string): Promise<void> {
    return this.#ask(`remove ${key}${held === undefined ? '' : ` ${held}`}`);
  }
  write(change: KeyChange, outcome: Outcome): void {
    writeByPromise(this, change, outcome);
  }
  create(): Promise<boolean> {
    return Promise.resolve(true);
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
  async answer(reason = ''): Promise<void> {
    const { resolve, reject } = this.#open.shift() ?? expect.fail('nothing was asked');
    if (reason === '') resolve();
    else reject(new StoreError(reason, 'by the test'));
    await new Promise((done) => setImmediate(done));
  }
  #ask(what: string): Promise<void> {
    this.asked.push(what);
    return new Promise((resolve, reject) => this.#open.push({ resolve, reject }));
  }
}
