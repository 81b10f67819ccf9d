import { join } from 'node:path';
import { ownAddress } from '../peers/loopback.ts';
import type { Agent, Case } from './case.ts';
import { Program } from './program.ts';
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
    const running: Program[] = [];

    const start = (scenario: string, at: string, transport: 'UDP' | 'TCP', serves: boolean): Program => {
      const file = join(import.meta.dirname, 'sipp', `${scenario}.xml`);
      const mode = transport === 'UDP' ? 'u1' : 't1';
      const program = Program.start(
        'sipp',
        [
          ...(serves ? [] : [`${stage.proxyAddress}:${PORTS[transport]}`]),
          ...[
            '-sf',
            file,
            '-i',
            at,
            '-p',
            '5060',
            '-t',
            mode,
            '-m',
            '1',
            '-nostdin',
            '-timeout',
            '25s',
            '-timeout_error',
          ],
          ...['-trace_err', '-error_file', '/dev/stderr'],
        ],
        stage.newFolder(),
      );
      running.push(program);
      return program;
    };
    const passes = async (name: string, program: Program): Promise<void> => {
      const code = await program.ends(30_000);
      if (code !== 0) throw new Error(`${name} ends with ${code}: ${reason(program.output)}`);
    };
    const step = (transport: string, what: string, run: () => Promise<void>): Case => ({
      agent: 'SIPp',
      transport,
      what,
      run: async () => {
        try {
          await run();
        } finally {
          await Promise.all(running.splice(0).map((program) => program.end()));
        }
      },
    });
    const calls = transports.flatMap((transport) =>
      CALLS.map(([what, uac, uas = uac]) =>
        step(transport, what, async () => {
          const server = start(`${uas}.uas`, called, 'UDP', true);
          await new Promise((resolve) => setTimeout(resolve, 300));
          const client = start(`${uac}.uac`, caller, transport, false);
          await Promise.all([passes('the caller', client), passes('the called side', server)]);
        }),
      ),
    );
    return {
      cases: [
        step('UDP', 'register, with digest authentication', async () =>
          passes('it', start('register', called, 'UDP', false)),
        ),
        ...calls,
        step('UDP', 'unregister with *', async () => passes('it', start('unregister', called, 'UDP', false))),
      ],
      next: () => undefined,
      said: () => '',
      end: async () => undefined,
    };
  },
};

/** What SIPp says went wrong, without its screens. */
function reason(output: string): string {
  const lines = output.split('\n').filter((line) => /Aborting|unexpected|error|regexp|timeout/i.test(line));
  return lines.slice(0, 3).join(' ').slice(0, 600) || output.slice(-300);
}
