/** Something that must never be was seen. `rule` is the same for all cases of one kind. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly rule: string;

  constructor(rule: string, detail: string) {
    super(`${rule}\n${detail}`);
    this.rule = rule;
  }
}
