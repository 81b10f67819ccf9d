/** What the API server answered, other than yes. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status; 0: there was no answer. */
  readonly status: number;
  /** As the API has it: `Conflict`, `Expired`, `Forbidden`, … */
  readonly reason: string;
  /** ms after which to ask again, if it said so. */
  readonly retryAfter: number;

  constructor(status: number, reason: string, message: string, retryAfter = 0) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.retryAfter = retryAfter;
  }
}

/** The version asked for is no longer known: list again. */
export function isGone(error: unknown): boolean {
  return error instanceof ApiError && error.status === 410;
}
