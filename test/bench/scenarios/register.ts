import { branch, contact, request, type Phone } from '../message.ts';
import type { Scenario } from './scenario.ts';

/** REGISTERs of users never seen before. */
export const registrations: Scenario = {
  open: (number, run, phone) => ({
    text: register(`p${run}${number}`, `${number}@${run}`, 1, phone, branch(run, number, 'r')),
    completedBy: '2xx',
  }),
};

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
