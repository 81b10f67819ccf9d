import type { Dialog } from '../dialog.ts';
import { branch, contact, request, type Phone } from '../message.ts';
import { calls } from './call.ts';
import { refreshes } from './register.ts';
import type { Opening, Scenario } from './scenario.ts';

/** Of twenty exchanges: twelve refresh a registration, four are OPTIONS, two calls, and two refresh a subscription. */
const MIX = 'rorrcrorrsrorrcrorrs';

/**
 * What a contact centre's phones send in an hour in which nothing happens but work, in these proportions. The first
 * second or two of it make the registrations and subscriptions, which later ones refresh.
 */
export function contactCentre(phones = 1000, subscribers = 200): Scenario {
  const registrations = refreshes(phones);
  const subscriptions: (Dialog | undefined)[] = Array.from({ length: subscribers });
  const subscribing = new Map<number, number>();
  let subscribed = 0;

  function subscription(number: number, run: string, phone: Phone): Opening {
    const index = subscribed++ % subscribers;
    const dialog = subscriptions[index];
    const ownBranch = branch(run, number, 's');
    const more = [contact('phone', phone), 'Event: presence', 'Expires: 600'];
    if (dialog !== undefined) {
      return { text: dialog.next('SUBSCRIBE', phone, ownBranch, more), completedBy: 'NOTIFY', dialog };
    }
    subscribing.set(number, index);
    return { text: outside('SUBSCRIBE', number, run, phone, ownBranch, more), completedBy: 'NOTIFY' };
  }

  return {
    open(number, run, phone) {
      switch (MIX[number % MIX.length]) {
        case 'c':
          return calls.open(number, run, phone);
        case 'o':
          return { text: outside('OPTIONS', number, run, phone, branch(run, number, 'o'), []), completedBy: '2xx' };
        case 's':
          return subscription(number, run, phone);
        default:
          return registrations.open(number, run, phone);
      }
    },
    established(number, dialog) {
      const index = subscribing.get(number);
      if (index !== undefined) subscriptions[index] = dialog;
      subscribing.delete(number);
    },
  };
}

/** A request outside of a dialog, to the queue. */
function outside(
  method: string,
  number: number,
  run: string,
  phone: Phone,
  ownBranch: string,
  more: readonly string[],
): string {
  const fields = [
    `From: <sip:phone@example.com>;tag=f${number}`,
    'To: <sip:queue@example.com>',
    `Call-ID: ${number}@${run}`,
    `CSeq: 1 ${method}`,
    ...more,
  ];
  return request(method, 'sip:queue@example.com', phone, ownBranch, fields);
}
