import pino from 'pino';
import { startProxy } from '../../proxy/main.ts';
import { ownAddress } from '../peers/loopback.ts';
import type { Agent, Case } from './case.ts';
import { passes, startSipp, type Sipp } from './sipp-program.ts';
import { proxyConfig, type Stage } from './stage.ts';

/** How many calls each case makes. */
const CALLS = 10;

/** Scenarios NAME.uac.xml and NAME.uas.xml in sipp/; or SIPp's own. */
const SCENARIOS: readonly (readonly [what: string, uac: string, uas: string])[] = [
  ['late ACK, the 200 repeated until then', 'late-ack.uac', 'uas'],
  ['no ACK at all', 'no-ack.uac', 'no-ack.uas'],
  ['re-INVITEs without Route, one after the other', 're-invites.uac', 're-invites.uas'],
  ['UPDATE without Route before the answer', 'early-update.uac', 'early-update.uas'],
  ['cancel after 4 s with only a 100', 'slow-cancel.uac', 'slow-cancel.uas'],
];

/** [caller, server]: SIPp's modes. */
const MODES = [
  ['u1', 'u1'],
  ['un', 'u1'],
  ['t1', 't1'],
  ['tn', 't1'],
  ['u1', 't1'],
  ['t1', 'u1'],
] as const;

/** SIPp on both sides of a proxy: as phones, and as the SIP Server, which answers what it gets itself. */
export const sippServer: Agent = {
  name: 'SIPp as SIP Server',
  async begin(stage: Stage) {
    const log = pino({ level: 'silent' });
    const caller = ownAddress();
    const places = {
      UDP: { proxy: ownAddress(), server: ownAddress() },
      TCP: { proxy: ownAddress(), server: ownAddress() },
    };
    const proxies = await Promise.all(
      (['UDP', 'TCP'] as const).map(async (transport) => {
        const { proxy, server } = places[transport];
        const config = proxyConfig({ proxy, server, transport });
        // SIPp knows no OPTIONS
        const oosCheck = { ...config.oosCheck, interval: 0 };
        return startProxy({ ...config, oosCheck }, { log, hash: 'interop' });
      }),
    );
    const running: Sipp[] = [];
    const step = (what: string, scenarios: readonly [string, string], modes: readonly [string, string]): Case => ({
      agent: 'SIPp as SIP Server',
      transport: modes.map((mode) => (mode.startsWith('u') ? 'UDP' : 'TCP')).join(' to '),
      what,
      run: async () => {
        const { proxy, server } = places[modes[1] === 'u1' ? 'UDP' : 'TCP'];
        const common = { calls: CALLS };
        try {
          const serving = { ...common, scenario: scenarios[1], at: server, mode: modes[1], folder: stage.newFolder() };
          const served = startSipp(serving);
          running.push(served);
          await new Promise((resolve) => setTimeout(resolve, 300));
          const to = `${proxy}:5060`;
          const calling = startSipp({
            ...common,
            scenario: scenarios[0],
            at: caller,
            to,
            mode: modes[0],
            folder: stage.newFolder(),
          });
          running.push(calling);
          await Promise.all([passes(calling), passes(served)]);
        } finally {
          await Promise.all(running.splice(0).map(async ({ program }) => program.end()));
        }
      },
    });
    return {
      cases: [
        ...MODES.map((modes) => step(`SIPp's own uac and uas (-t ${modes.join(', -t ')})`, ['uac', 'uas'], modes)),
        ...SCENARIOS.flatMap(([what, uac, uas]) =>
          MODES.filter((modes) => modes[0] === modes[1]).map((modes) => step(what, [uac, uas], modes)),
        ),
        step('much of it lost on the way', ['lost.uac', 'lost.uas'], ['u1', 'u1']),
      ],
      next: () => undefined,
      said: () => '',
      end: async () => void (await Promise.all(proxies.map(async (proxy) => proxy.end()))),
    };
  },
};
