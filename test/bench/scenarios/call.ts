import { branch, contact, request, SDP, type Phone } from '../message.ts';
import type { Scenario } from './scenario.ts';

/** INVITE 100 180 200 ACK BYE 200. */
export const calls: Scenario = {
  open: (number, run, phone) => ({ text: invite(number, run, phone), completedBy: 'BYE' }),
};

export function invite(number: number, run: string, phone: Phone): string {
  const fields = [
    `From: "Bench" <sip:phone@example.com>;tag=f${number}`,
    'To: <sip:queue@example.com>',
    `Call-ID: ${number}@${run}`,
    'CSeq: 1 INVITE',
    contact('phone', phone),
  ];
  return request('INVITE', 'sip:queue@example.com', phone, branch(run, number, 'i'), fields, SDP);
}
