// Writes docs/transactions.md: the four transaction machines, drawn from the tables that the proxy runs.
// Run it after a change to a table: node test/tools/draw-machines.ts
import { writeFileSync } from 'node:fs';
import { inviteClient } from '../../proxy/transaction/invite-client.ts';
import { inviteServer } from '../../proxy/transaction/invite-server.ts';
import { nonInviteClient } from '../../proxy/transaction/non-invite-client.ts';
import { nonInviteServer } from '../../proxy/transaction/non-invite-server.ts';

/** A table as far as it is drawn. */
interface Drawn {
  readonly next: string | undefined;
  readonly actions: readonly { readonly name: string }[];
}

interface Machine {
  readonly title: string;
  readonly file: string;
  readonly source: string;
  readonly table: Readonly<Record<string, Readonly<Record<string, Drawn>>>>;
}

export const MACHINES: readonly Machine[] = [
  {
    title: 'INVITE client',
    file: 'invite-client.ts',
    source: 'RFC 3261 figure 5, RFC 6026 7.2, RFC 3261 9.1',
    table: inviteClient,
  },
  { title: 'non-INVITE client', file: 'non-invite-client.ts', source: 'RFC 3261 figure 6', table: nonInviteClient },
  {
    title: 'INVITE server',
    file: 'invite-server.ts',
    source: 'RFC 3261 figure 7, RFC 6026 7.1',
    table: inviteServer,
  },
  {
    title: 'non-INVITE server',
    file: 'non-invite-server.ts',
    source: 'RFC 3261 figure 8, RFC 4320',
    table: nonInviteServer,
  },
];

const INTRODUCTION = `# Transactions

Drawn from the tables in \`proxy/transaction/\` by \`test/tools/draw-machines.ts\`; don't edit it here.

An arrow reads *event / actions*. An event that leaves a state by no arrow is ignored there. \`provisional\`, \`success\` and
\`failure\` are 1xx, 2xx and 3xx to 6xx: received by a client, given by the user to a server. \`report…\` tells the owner.

| timer | after | is |
| --- | --- | --- |
| A, E, G | T1, doubled each time, E and G up to T2 | sending again, over UDP only |
| B, F, H | 64*T1 | giving up |
| D, J | 64*T1; 0 over a reliable transport | absorbing what comes again |
| I, K | T4; 0 over a reliable transport | absorbing what comes again |
| L, M | 64*T1 | letting the 2xx of all forks pass (RFC 6026) |
| waitOver | 64*T1 | a cancelled or abandoned INVITE that gets no final response |
| tryingDue | 3.5 s, 0.3 s for another proxy of the shard | the sender's Timer E has come to T2: 100 (RFC 4320); a proxy takes the next way after 0.7 s of silence |
| tooLate | 64*T1 | the sender's Timer F has fired: no response any more (RFC 4320) |

T1 is 500 ms, T2 4 s, T4 5 s.
`;

/** The whole of docs/transactions.md. */
export function drawMachines(): string {
  return [INTRODUCTION, ...MACHINES.map(draw)].join('\n');
}

function draw({ title, file, source, table }: Machine): string {
  const arrows: string[] = [];
  for (const [state, events] of Object.entries(table)) {
    for (const [event, { next, actions }] of Object.entries(events)) {
      const label = actions.length === 0 ? event : `${event} / ${actions.map(({ name }) => name).join(', ')}`;
      arrows.push(`  ${state} --> ${next ?? state}: ${label}`);
    }
  }
  return [
    `## ${title}`,
    '',
    `\`proxy/transaction/${file}\`: ${source}`,
    '',
    '```mermaid',
    'stateDiagram-v2',
    `  [*] --> ${Object.keys(table)[0]}`,
    ...arrows,
    '  Terminated --> [*]',
    '```',
    '',
  ].join('\n');
}

if (import.meta.main) writeFileSync(new URL('../../docs/transactions.md', import.meta.url), drawMachines());
