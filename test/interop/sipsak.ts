import type { Agent, Case } from './case.ts';
import { Program } from './program.ts';
import { PASSWORD, PORTS, type Stage } from './stage.ts';

/** sipsak, which monitoring scripts ask whether SIP is up. */
export const sipsak: Agent = {
  name: 'sipsak',
  async begin(stage: Stage) {
    const step = (transport: string, what: string, args: readonly string[]): Case => ({
      agent: 'sipsak',
      transport,
      what,
      run: async () => {
        const program = Program.start('sipsak', args);
        const code = await program.ends(20_000);
        if (code !== 0) throw new Error(`sipsak ends with ${code}: ${program.output.slice(-400)}`);
      },
    });
    const to = ['-s', `sip:${stage.proxyAddress}:${PORTS.UDP}`];
    // It looks its domain up, and the proxy's address serves as well as one
    const user = ['-s', `sip:sippy@${stage.proxyAddress}`];
    return {
      cases: [
        step('UDP', 'OPTIONS', to),
        step('TCP', 'OPTIONS', [...to, '-E', 'tcp']),
        step('UDP', 'register, with digest authentication', ['-U', '-a', PASSWORD, '-u', 'sippy', '-x', '60', ...user]),
        step('UDP', 'unregister', ['-U', '-a', PASSWORD, '-u', 'sippy', '-x', '0', ...user]),
      ],
      next: () => undefined,
      said: () => '',
      end: async () => undefined,
    };
  },
};
