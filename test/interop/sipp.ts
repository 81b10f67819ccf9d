import { ownAddress } from '../peers/loopback.ts';
import type { Agent, Case } from './case.ts';
import { passes, startSipp, type Sipp } from './sipp-program.ts';
import { PORTS, type Stage } from './stage.ts';

/** Scenarios NAME.uac.xml and NAME.uas.xml in sipp/; some callers share a called side. */
const CALLS: readonly (readonly [what: string, uac: string, uas?: string])[] = [
  ['call with Record-Route, caller hangs up', 'call'],
  ['called side hangs up', 'callee-hangs-up'],
  ['cancel while ringing', 'cancel'],
  ['busy (486)', 'busy'],
  ['preloaded Route', 'preloaded-route', 'call'],
  ['long SDP, UTF-8', 'long-and-utf8'],
  ['PRACK, UPDATE', 'prack-update'],
  ['re-INVITE crossing BYE', 'crossing'],
];

/** SIPp as phones that do what phones do rarely. */
export const sipp: Agent = {
  name: 'SIPp',
  async begin(stage: Stage) {
    const caller = ownAddress();
    const called = ownAddress();
    const transports = ['UDP', 'TCP'] as const;
    const running: Sipp[] = [];

    const start = (scenario: string, at: string, transport: 'UDP' | 'TCP', serves: boolean): Sipp => {
      const to = serves ? {} : { to: `${stage.proxyAddress}:${PORTS[transport]}` };
      const mode = transport === 'UDP' ? 'u1' : 't1';
      const program = startSipp({ scenario, at, mode, folder: stage.newFolder(), ...to });
      running.push(program);
      return program;
    };
    const step = (transport: string, what: string, run: () => Promise<void>): Case => ({
      agent: 'SIPp',
      transport,
      what,
      run: async () => {
        try {
          await run();
        } finally {
          await Promise.all(running.splice(0).map(async ({ program }) => program.end()));
        }
      },
    });
    const calls = transports.flatMap((transport) =>
      CALLS.map(([what, uac, uas = uac]) =>
        step(transport, what, async () => {
          const server = start(`${uas}.uas`, called, 'UDP', true);
          await new Promise((resolve) => setTimeout(resolve, 300));
          const client = start(`${uac}.uac`, caller, transport, false);
          await Promise.all([passes(client), passes(server)]);
        }),
      ),
    );
    return {
      cases: [
        step('UDP', 'register, with digest authentication', async () =>
          passes(start('register', called, 'UDP', false)),
        ),
        ...calls,
        step('UDP', 'unregister with *', async () => passes(start('unregister', called, 'UDP', false))),
      ],
      next: () => undefined,
      said: () => '',
      end: async () => undefined,
    };
  },
};
