import { branch, contact, request, type Phone } from '../message.ts';
import type { Scenario } from './scenario.ts';

/** REGISTERs of users never seen before. */
export const registrations: Scenario = {
  open: (number, run, phone) => ({
    text: register(`p${run}${number}`, `${number}@${run}`, 1, phone, branch(run, number, 'r')),
    completedBy: '2xx',
  }),
};

/**
 * REGISTERs of so many users in turn: after the first round each refreshes what is there. `stride`: how far from one to
 * the next; with none in common with `users` each has its turn all the same.
 */
export function refreshes(users: number, stride = 1): Scenario {
  const own = Math.floor(Math.random() * 0x1_0000_0000).toString(36);
  let sent = 0;
  return {
    open(number, run, phone) {
      const user = `m${(sent * stride) % users}`;
      const cseq = 1 + Math.floor(sent / users);
      sent++;
      return {
        text: register(user, `${user}@${own}`, cseq, phone, branch(run, number, 'r')),
        completedBy: '2xx',
      };
    },
  };
}

export function register(user: string, callId: string, cseq: number, phone: Phone, ownBranch: string): string {
  const fields = [
    `From: <sip:${user}@example.com>;tag=f`,
    `To: <sip:${user}@example.com>`,
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} REGISTER`,
    contact(user, phone),
    'Expires: 3600',
  ];
  return request('REGISTER', 'sip:example.com', phone, ownBranch, fields);
}
