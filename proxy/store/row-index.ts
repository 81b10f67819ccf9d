import { NONE } from './binding-rows.ts';

/** The column in which rows of one place in an index are linked, and that of their hashes. */
export interface Links {
  next(row: number): number;
  setNext(row: number, next: number): void;
  hash(row: number): number;
}

/** Rows by hash: eight bytes each, however many there are. Who looks up checks what it finds. */
export class RowIndex {
  readonly #links: Links;
  #places = new Int32Array(1024).fill(NONE);
  #size = 0;

  constructor(links: Links) {
    this.#links = links;
  }

  /** The first row that may be one with this hash; links lead to the others. */
  first(hash: number): number {
    return this.#places[hash & (this.#places.length - 1)] ?? NONE;
  }

  add(row: number): void {
    if (this.#size >= this.#places.length) this.#grow();
    this.#size++;
    this.#link(row);
  }

  remove(row: number): void {
    const links = this.#links;
    const place = links.hash(row) & (this.#places.length - 1);
    const first = this.#places[place] ?? NONE;
    this.#size--;
    if (first === row) {
      this.#places[place] = links.next(row);
      return;
    }
    for (let before = first; before !== NONE; before = links.next(before)) {
      if (links.next(before) !== row) continue;
      links.setNext(before, links.next(row));
      return;
    }
  }

  #link(row: number): void {
    const place = this.#links.hash(row) & (this.#places.length - 1);
    this.#links.setNext(row, this.#places[place] ?? NONE);
    this.#places[place] = row;
  }

  /** Some 10 ms for a million rows. */
  #grow(): void {
    const old = this.#places;
    this.#places = new Int32Array(old.length * 2).fill(NONE);
    for (const first of old) {
      for (let row = first; row !== NONE;) {
        const next = this.#links.next(row);
        this.#link(row);
        row = next;
      }
    }
  }
}
