/** A request that got a final response other than 2xx, or none. */
export class SipRefusal extends Error {
  override readonly name = 'SipRefusal';
  /** 0: no answer at all. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}
