import { mkdtempSync, writeFileSync } from 'node:fs';
import { getServers } from 'node:dns';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SipServerProcess } from '../../peers/sip-server-process.ts';
import { ownAddress, serve } from './agent.ts';

/** What a member of a pair has to know to start. */
export interface MemberOrder {
  readonly role: 'primary' | 'backup';
  /** Address of its partner's pod. */
  readonly partner: string;
  readonly domain: string;
  readonly users: readonly string[];
  readonly password: string;
  /** Name of the proxies of its data centre, with SRV records. */
  readonly proxies: string;
  /** `IP:PORT` of its DNS server, if not the cluster's. */
  readonly dns?: string;
}

const sip = 5060;
const link = 5999;
const folder = mkdtempSync(join(tmpdir(), 'sip-server-'));
let member: SipServerProcess | undefined;

/** A pod with one member of a SIP Server pair, which can be killed and started again at the same address. */
serve({
  starts: async ({ role, partner, domain, users, password, proxies, dns }: MemberOrder) => {
    const accounts = join(folder, 'accounts');
    writeFileSync(accounts, users.map((user) => `${user} ${password}\n`).join(''));
    const [clusterDns = ''] = getServers();
    // On a busy machine half a second of silence is no death; a killed partner's closed link is seen at once.
    const patience = { 'heartbeat-timeout': '10000' };
    const options = {
      ...patience,
      role,
      peer: `${partner}:${link}`,
      domain,
      accounts,
      dns: dns ?? `${clusterDns}:53`,
      'outbound-name': proxies,
    };
    const argv = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    member = new SipServerProcess(`${ownAddress()}:${sip}`, `${ownAddress()}:${link}`, argv);
    await member.starts();
  },
  status: () => member?.status(),
  isKilled: () => member?.isKilled(),
});
