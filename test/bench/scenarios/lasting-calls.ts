import type { Dialog } from '../dialog.ts';
import { branch } from '../message.ts';
import { invite } from './call.ts';
import type { Scenario } from './scenario.ts';

/** Calls of which so many are up, once that many have begun: from then on one begins and the oldest ends, in turn. */
export function lastingCalls(up: number): Scenario {
  const dialogs: Dialog[] = [];
  return {
    open(number, run, phone) {
      const dialog = number % 2 === 1 && dialogs.length > up ? dialogs.shift() : undefined;
      if (dialog === undefined) return { text: invite(number, run, phone), completedBy: 'ACK' };
      return { text: dialog.next('BYE', phone, branch(run, number, 'b')), completedBy: '2xx', dialog };
    },
    established: (_number, dialog) => dialogs.push(dialog),
  };
}
