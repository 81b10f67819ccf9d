/** Gives equal texts out as one string, so that it is held once: for names that many records hold. */
export class SharedText {
  readonly #texts = new Map<string, string>();
  readonly #limit: number;

  /** `limit`: how many texts are known at once; then it begins anew. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  shared(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    if (this.#texts.size >= this.#limit) this.#texts.clear();
    this.#texts.set(text, text);
    return text;
  }
}
