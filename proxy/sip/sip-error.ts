import type { Message } from './message.ts';

/** What a SipError may carry besides its status. */
export interface SipErrorOptions {
  /** The offending request as far as it could be read. */
  answerable?: Message | undefined;
  /** Extra header lines for the answer, without CRLF, such as 'Unsupported: foo'. */
  headers?: readonly string[] | undefined;
}

/** A SIP message or request that is refused; it carries the answer to give. */
export class SipError extends Error {
  readonly status: number;
  /** The reason phrase: it names the defect. */
  readonly reason: string;
  /** Enough of the request to answer it with response(); undefined: it can't be answered (a response, an ACK, no Via) and is dropped. */
  readonly answerable: Message | undefined;
  readonly headers: readonly string[];

  constructor(status: number, reason: string, options?: SipErrorOptions) {
    // Whoever sends rubbish must not make us walk the stack for each piece of it: the reason names the place.
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super(`${status} ${reason}`);
    Error.stackTraceLimit = limit;
    this.name = 'SipError';
    this.status = status;
    this.reason = reason;
    this.answerable = options?.answerable;
    this.headers = options?.headers ?? NO_HEADERS;
  }
}

const NO_HEADERS: readonly string[] = [];
