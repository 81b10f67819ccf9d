import type { Dialog } from '../dialog.ts';
import { branch, contact, request, type Phone } from '../message.ts';
import { calls } from './call.ts';
import { register } from './register.ts';
import type { Opening, Scenario } from './scenario.ts';

/** Of twenty exchanges: twelve refresh a registration, four are OPTIONS, two calls, and two refresh a subscription. */
const MIX = 'rorrcrorrsrorrcrorrs';

/**
 * What a contact centre's phones send in an hour in which nothing happens but work, in these proportions. The first
 * second or two of it make the registrations and subscriptions, which later ones refresh.
 */
export function contactCentre(phones = 1000, subscribers = 200): Scenario {
  const own = Math.floor(Math.random() * 0x1_0000_0000).toString(36);
  const subscriptions: (Dialog | undefined)[] = Array.from({ length: subscribers });
  const subscribing = new Map<number, number>();
  let registered = 0;
  let subscribed = 0;

  function registration(number: number, run: string, phone: Phone): Opening {
    const user = `m${registered % phones}`;
    const cseq = 1 + Math.floor(registered / phones);
    registered++;
    return {
      text: register(user, `${user}@${own}`, cseq, phone, branch(run, number, 'r')),
      completedBy: '2xx',
    };
  }

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
          return registration(number, run, phone);
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
