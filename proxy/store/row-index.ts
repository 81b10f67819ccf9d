import { NONE } from './binding-rows.ts';

/** The column in which rows of one place in an index are linked, and that of their hashes. */
export interface Links {
  next(row: number): number;
  setNext(row: number, next: number): void;
  hash(row: number): number;
}

const PIECE_BITS = 12;
const PIECE = 1 << PIECE_BITS;
const MASK = PIECE - 1;
/** It doubles its places only for more rows a place than this: it has at most one and a half for each. */
const FILLED = 4 / 3;

/**
 * Rows by hash: four bytes each, however many there are. It grows by one place with every row (linear hashing), so
 * that no call ever waits for the others to be moved. Who looks up checks what it finds.
 */
export class RowIndex {
  readonly #links: Links;
  /** Places in pieces, none of which is ever copied; each is made with the first row in it. */
  readonly #pieces: (Int32Array | undefined)[] = [];
  /** Places before the current doubling, and how many of them were split in two since. */
  #level = PIECE;
  #split = 0;
  #size = 0;

  constructor(links: Links) {
    this.#links = links;
  }

  /** Makes places for so many rows at once, if it is empty: none of them need be moved later. */
  reserve(rows: number): void {
    if (this.#size > 0) return;
    while (this.#level * FILLED < rows) this.#level *= 2;
    while (this.#pieces.length < this.#level / PIECE) this.#pieces.push(undefined);
  }

  /** The first row that may be one with this hash; links lead to the others. */
  first(hash: number): number {
    return this.#first(this.#place(hash));
  }

  add(row: number): void {
    if (++this.#size > this.#level + this.#split) this.#grow();
    this.#link(row, this.#place(this.#links.hash(row)));
  }

  remove(row: number): void {
    const links = this.#links;
    const place = this.#place(links.hash(row));
    const first = this.#first(place);
    this.#size--;
    if (first === row) {
      this.#setFirst(place, links.next(row));
      return;
    }
    for (let before = first; before !== NONE; before = links.next(before)) {
      if (links.next(before) !== row) continue;
      links.setNext(before, links.next(row));
      return;
    }
  }

  #place(hash: number): number {
    const place = hash & (2 * this.#level - 1);
    return place < this.#level + this.#split ? place : place & (this.#level - 1);
  }

  /** One more place: it takes over what belongs there of the one that is half of it. */
  #grow(): void {
    const from = this.#split;
    this.#split++;
    if (this.#split === this.#level) {
      this.#level *= 2;
      this.#split = 0;
    }
    let row = this.#first(from);
    this.#setFirst(from, NONE);
    while (row !== NONE) {
      const next = this.#links.next(row);
      this.#link(row, this.#place(this.#links.hash(row)));
      row = next;
    }
  }

  #link(row: number, place: number): void {
    this.#links.setNext(row, this.#first(place));
    this.#setFirst(place, row);
  }

  #first(place: number): number {
    return this.#pieces[place >> PIECE_BITS]?.[place & MASK] ?? NONE;
  }

  #setFirst(place: number, row: number): void {
    const piece = (this.#pieces[place >> PIECE_BITS] ??= new Int32Array(PIECE).fill(NONE));
    piece[place & MASK] = row;
  }
}
