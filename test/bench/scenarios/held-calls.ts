import type { Dialog } from '../dialog.ts';
import type { Load } from '../load.ts';
import { branch, SDP, type Side } from '../message.ts';
import { invite } from './call.ts';
import type { Scenario } from './scenario.ts';

/** How many calls are held, and how many of them begin a second. */
const HELD = 200;
const PER_SECOND = 250;

/** Calls through `to` that stay, and what is sent inside of them in turn: re-INVITE 100 200 ACK, INFO 200, OPTIONS 200. */
export async function heldCalls(load: Load, to: Side): Promise<Scenario> {
  const dialogs: Dialog[] = [];
  const beginning: Scenario = {
    open: (number, run, phone) => ({ text: invite(number, run, phone), completedBy: 'ACK' }),
    established: (_number, dialog) => dialogs.push(dialog),
  };
  // some more: how many begin until the end depends on the clock
  await load.run({ scenario: beginning, to, rate: PER_SECOND, warm: 0, window: (1.1 * HELD * 1000) / PER_SECOND });
  if (dialogs.length < HELD) throw new Error(`of ${HELD} calls to be held only ${dialogs.length} came about`);
  return {
    open(number, run, phone) {
      const dialog = dialogs[number % HELD] as Dialog;
      // 200 and 3 have no common divisor, so each call gets all of them in turn
      switch (number % 3) {
        case 0: {
          const text = dialog.next(
            'INVITE',
            phone,
            branch(run, number, 'i'),
            [`Contact: <sip:phone@${phone.address}:${phone.port}>`],
            SDP,
          );
          return { text, completedBy: 'ACK', dialog };
        }
        case 1:
          return { text: dialog.next('INFO', phone, branch(run, number, 'n')), completedBy: '2xx', dialog };
        default:
          return { text: dialog.next('OPTIONS', phone, branch(run, number, 'o')), completedBy: '2xx', dialog };
      }
    },
  };
}
