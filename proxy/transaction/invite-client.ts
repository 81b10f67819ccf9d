import {
  doubleA,
  report,
  reportTimeout,
  reportUnreachable,
  resendAck,
  resendRequest,
  sendAck,
  sendCancel,
  sendRequest,
  startA,
  startB,
  startD,
  startM,
  startWait,
  stopRepeating,
  stopTimers,
} from './client-actions.ts';
import type { ClientTransaction } from './client-transaction.ts';
import type { Message } from '../sip/message.ts';
import { stay, type Table, to } from './machine.ts';

type InviteClientState =
  | 'Calling'
  | 'CancelDeferred'
  | 'Proceeding'
  | 'Cancelling'
  | 'Abandoned'
  | 'Completed'
  | 'Accepted'
  | 'Terminated';

/** RFC 3261 figure 5 with RFC 6026's Accepted, and with the states of an INVITE that is to be cancelled (9.1). */
export const inviteClient: Table<InviteClientState, ClientTransaction, Message> = {
  Calling: {
    start: stay(sendRequest, startA, startB),
    provisional: to('Proceeding', stopTimers, report),
    success: to('Accepted', startM, report),
    failure: to('Completed', sendAck, startD, report),
    cancel: to('CancelDeferred'),
    abandon: to('Abandoned'),
    timerA: stay(resendRequest, doubleA),
    timerB: to('Terminated', reportTimeout),
    transportError: to('Terminated', reportUnreachable),
  },
  // RFC 3261 9.1: no CANCEL before a provisional response, else it may overtake its INVITE
  CancelDeferred: {
    provisional: to('Cancelling', sendCancel, startWait, report),
    success: to('Accepted', startM, report),
    failure: to('Completed', sendAck, startD, report),
    abandon: stay(stopRepeating),
    timerA: stay(resendRequest, doubleA),
    timerB: to('Terminated', reportTimeout),
    transportError: to('Terminated', reportUnreachable),
  },
  // How long this may last is the proxy's Timer C (RFC 3261 16.6 step 11), not the transaction's business
  Proceeding: {
    provisional: stay(report),
    success: to('Accepted', startM, report),
    failure: to('Completed', sendAck, startD, report),
    cancel: to('Cancelling', sendCancel, startWait),
    abandon: to('Abandoned', startWait),
    // RFC 3261 18.2.2: the final response comes another way when the connection of its request is gone
    transportError: stay(reportUnreachable),
  },
  Cancelling: {
    provisional: stay(report),
    success: to('Accepted', startM, report),
    failure: to('Completed', sendAck, startD, report),
    waitOver: to('Terminated', reportTimeout),
    transportError: to('Terminated', reportUnreachable),
  },
  // Its owner is nobody, or one who wants the 2xx all the same
  Abandoned: {
    success: to('Accepted', startM, report),
    failure: to('Completed', sendAck, startD),
    timerB: to('Terminated'),
    waitOver: to('Terminated'),
    transportError: to('Terminated'),
  },
  // A transport error changes nothing here: the owner has its answer, and Timer D ends it soon enough
  Completed: {
    failure: stay(resendAck),
    timerD: to('Terminated'),
  },
  // RFC 6026 7.2: a 2xx of another fork, and the same one again, still has to reach the owner, whose business its ACK is
  Accepted: {
    success: stay(report),
    timerM: to('Terminated'),
  },
  Terminated: {},
};
