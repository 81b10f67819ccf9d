/** What the demo adds up: calls made and lost, and whatever else did not go as it should. */
export class Tally {
  made = 0;
  readonly losses: string[] = [];
  /** What took how long after a failure, ms. */
  readonly failovers: { readonly what: string; readonly ms: number }[] = [];

  get nothingLost(): boolean {
    return this.losses.length === 0;
  }
}
