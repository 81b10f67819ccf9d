import { stay, type Table, to } from './machine.ts';
import {
  doubleG,
  passSuccess,
  resendResponse,
  sendResponse,
  startG,
  startH,
  startI,
  startL,
} from './server-actions.ts';
import type { ServerTransaction } from './server-transaction.ts';

type InviteServerState = 'Proceeding' | 'Completed' | 'Confirmed' | 'Accepted' | 'Terminated';

/** RFC 3261 figure 7 with RFC 6026's Accepted. The user sends the 100 itself. */
export const inviteServer: Table<InviteServerState, ServerTransaction, string> = {
  Proceeding: {
    request: stay(resendResponse),
    provisional: stay(sendResponse),
    success: to('Accepted', passSuccess, startL),
    failure: to('Completed', sendResponse, startG, startH),
  },
  Completed: {
    request: stay(resendResponse),
    ack: to('Confirmed', startI),
    timerG: stay(resendResponse, doubleG),
    timerH: to('Terminated'),
  },
  // Absorbs the ACK to every retransmission of the response
  Confirmed: {
    timerI: to('Terminated'),
  },
  // RFC 6026 7.1: the INVITE again is absorbed, and its ACK is the user's, as 2xx are end to end
  Accepted: {
    success: stay(passSuccess),
    timerL: to('Terminated'),
  },
  Terminated: {},
};
