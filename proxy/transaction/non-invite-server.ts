import { stay, type Table, to } from './machine.ts';
import { resendResponse, sendResponse, sendTrying, startJ, startTooLate, startTryingDue } from './server-actions.ts';
import type { ServerTransaction } from './server-transaction.ts';

type NonInviteServerState = 'Trying' | 'Proceeding' | 'Completed' | 'Terminated';

/**
 * RFC 3261 figure 8 as RFC 4320 corrects it: the only 1xx is a 100 after 3.5 s (sooner where a proxy of the shard has handed
 * the request over), a 408 is never sent, and nothing at all once the request's sender must have given up.
 */
export const nonInviteServer: Table<NonInviteServerState, ServerTransaction, string> = {
  Trying: {
    start: stay(startTryingDue, startTooLate),
    success: to('Completed', sendResponse, startJ),
    failure: to('Completed', sendResponse, startJ),
    requestTimeout: to('Completed', startJ),
    tryingDue: to('Proceeding', sendTrying),
  },
  Proceeding: {
    request: stay(resendResponse),
    success: to('Completed', sendResponse, startJ),
    failure: to('Completed', sendResponse, startJ),
    requestTimeout: to('Completed', startJ),
    tooLate: to('Terminated'),
  },
  Completed: {
    request: stay(resendResponse),
    timerJ: to('Terminated'),
  },
  Terminated: {},
};
