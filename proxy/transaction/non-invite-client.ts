import {
  doubleE,
  report,
  reportTimeout,
  reportUnreachable,
  resendRequest,
  sendRequest,
  slowE,
  startE,
  startF,
  startK,
  stopRepeating,
} from './client-actions.ts';
import type { ClientTransaction } from './client-transaction.ts';
import type { Message } from '../sip/message.ts';
import { stay, type Table, to } from './machine.ts';

type NonInviteClientState = 'Trying' | 'Proceeding' | 'Completed' | 'Terminated';

/** RFC 3261 figure 6. */
export const nonInviteClient: Table<NonInviteClientState, ClientTransaction, Message> = {
  Trying: {
    start: stay(sendRequest, startE, startF),
    provisional: to('Proceeding', report),
    success: to('Completed', startK, report),
    failure: to('Completed', startK, report),
    abandon: stay(stopRepeating),
    timerE: stay(resendRequest, doubleE),
    timerF: to('Terminated', reportTimeout),
    transportError: to('Terminated', reportUnreachable),
  },
  Proceeding: {
    provisional: stay(report),
    success: to('Completed', startK, report),
    failure: to('Completed', startK, report),
    abandon: stay(stopRepeating),
    timerE: stay(resendRequest, slowE),
    timerF: to('Terminated', reportTimeout),
    transportError: to('Terminated', reportUnreachable),
  },
  // Absorbs the responses to its own retransmissions
  Completed: {
    timerK: to('Terminated'),
  },
  Terminated: {},
};
