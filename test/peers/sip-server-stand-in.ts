import { readFileSync } from 'node:fs';
import yargs from 'yargs';
import { parseAddress, parseAddresses } from './address.ts';
import type { Algorithm } from './digest.ts';
import { Member } from './sip-server/member.ts';
import { parseAccounts, type BackupMode, type ServerOptions } from './sip-server/options.ts';

/**
 * A stand-in for one member of a SIP Server pair: a B2BUA and registrar in a process of its own, to be killed
 * (SIGKILL), paused (SIGSTOP) and promoted (SIGUSR2). Tells what happens to it in lines of JSON on stdout.
 */
const backupModes: readonly BackupMode[] = ['closed', 'silent', '503', '200'];

const argv = yargs(process.argv.slice(2))
  .scriptName('sip-server-stand-in.ts')
  .option('listen', { type: 'string', demandOption: true, describe: 'IP:PORT for SIP, UDP and TCP' })
  .option('role', { choices: ['primary', 'backup'] as const, default: 'primary' as const })
  .option('link', { type: 'string', describe: 'IP:PORT where its partner and tests reach it' })
  .option('peer', { type: 'string', describe: "IP:PORT of its partner's link" })
  .option('accounts', { type: 'string', demandOption: true, describe: 'file of lines USER PASSWORD [STATUS|silent]' })
  .option('outbound', { type: 'string', default: '', describe: 'proxies of its geo-location: IP:PORT,IP:PORT' })
  .option('outbound-name', { type: 'string', describe: 'name of those proxies, with SRV records, instead' })
  .option('domain', { type: 'string', demandOption: true })
  .option('backup-mode', { type: 'string', choices: backupModes, default: 'closed' as const })
  .option('promotion-time', { type: 'number', default: 200, describe: 'ms' })
  .option('heartbeat-timeout', { type: 'number', default: 500, describe: 'ms' })
  .option('on-dual', { choices: ['stepdown', 'stay'] as const, default: 'stepdown' as const })
  .option('algorithms', { type: 'string', default: 'SHA-256,MD5' })
  .option('nonce-life', { type: 'number', default: 300, describe: 's' })
  .option('max-expires', { type: 'number', default: 3600, describe: 's' })
  .option('min-expires', { type: 'number', default: 0, describe: 's' })
  .option('dns', { type: 'string', describe: 'IP:PORT of a DNS server' })
  .option('contact-host', { type: 'string', describe: 'host[:port] of its Contact' })
  .option('genesys-route', { type: 'string', describe: 'X-Genesys-Route of its INVITEs' })
  .option('trace', { type: 'boolean', default: false, describe: 'tell every message' })
  .strict()
  .parseSync();

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const options: ServerOptions = {
  listen: parseAddress(argv.listen),
  role: argv.role,
  ...(argv.link === undefined ? {} : { link: parseAddress(argv.link) }),
  ...(argv.peer === undefined ? {} : { peer: parseAddress(argv.peer) }),
  accounts: parseAccounts(readFileSync(argv.accounts, 'utf8')),
  outbound: parseAddresses(argv.outbound),
  ...(argv.outboundName === undefined ? {} : { outboundName: argv.outboundName }),
  domain: argv.domain,
  backupMode: argv.backupMode,
  promotionTime: argv.promotionTime,
  heartbeatTimeout: argv.heartbeatTimeout,
  onDual: argv.onDual,
  algorithms: argv.algorithms.split(',').map((name): Algorithm => (name === 'MD5' ? 'MD5' : 'SHA-256')),
  nonceLife: argv.nonceLife * 1000,
  maxExpires: argv.maxExpires,
  minExpires: argv.minExpires,
  ...(argv.dns === undefined ? {} : { dns: argv.dns }),
  ...(argv.contactHost === undefined ? {} : { contactHost: argv.contactHost }),
  ...(argv.genesysRoute === undefined ? {} : { genesysRoute: argv.genesysRoute }),
};

const member = new Member(options, say, argv.trace ? (trace) => say({ trace }) : undefined);

process.on('SIGUSR2', () => member.promote());
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
process.stdin.on('end', () => process.exit(0)).resume(); // whoever started it is gone

await member.start();
