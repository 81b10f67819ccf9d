import { firstCall, linkIsCut, phonesRegister, primaryDies, proxyDies, serversAreSeen } from './chapters.ts';
import { dataCentres, domain, password, phones, proxies, proxiesName } from './places.ts';
import { paint, Story } from './story.ts';
import { Tally } from './tally.ts';
import { World } from './world.ts';

/** `make demo`: two data centres, a call that survives. Exits 0 only if nothing was lost. */
const story = new Story();
const tally = new Tally();
const world = new World();
const interrupted = Promise.withResolvers<never>();

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interrupted.reject(new Error(`interrupted by ${signal}`)));
}
interrupted.promise.catch(() => undefined); // it is raced below
process.on('unhandledRejection', (error) => interrupted.reject(error));
process.on('uncaughtException', (error) => interrupted.reject(error));

try {
  await Promise.race([tell(), interrupted.promise]);
} catch (error) {
  story.complains(error instanceof Error ? error.message : String(error));
  tally.losses.push('the story was not told to its end');
}
const kept = process.env['KEEP'] === '1' && tally.nothingLost;
if (kept) await keep();
if (!tally.nothingLost) story.complains(`logs are in ${world.folder}`);
await world.end({ folder: tally.nothingLost ? 'removed' : 'kept' });
process.exit(tally.nothingLost ? 0 : 1);

async function tell(): Promise<void> {
  story.shows([paint('strong', 'sipcluster: two data centres, two proxies and two SIP Server pairs in each')]);
  story.chapter('Everything starts');
  await world.startStores();
  story.tells("an etcd in each data centre, reached by the other's proxies through a relay");
  await world.startServers();
  story.tells('four SIP Server pairs: ss1 and ss2 in dc1, ss3 and ss4 in dc2');
  await world.startProxies();
  for (const { name, address } of proxies) story.tells(`${name} is ready on ${address}:5060, UDP and TCP`);
  await serversAreSeen(story);
  await world.startPhones();

  story.chapter('Phones register');
  await phonesRegister(world, story);
  story.chapter('A phone of dc1 calls one of dc2');
  const talk = await firstCall(world, story, tally);
  story.chapter("What dc1's proxies see of the SIP Servers (sipcluster status)");
  story.shows(['', await world.site('dc1').proxies.statusTables()]);
  story.chapter("The call's primary SIP Server is killed");
  await primaryDies(world, story, tally, talk);
  story.chapter('A proxy is killed with calls up');
  await proxyDies(world, story, tally);
  story.chapter("dc2's link to dc1 is cut");
  await linkIsCut(world, story, tally);
  story.chapter('Summary');
  summary();
}

function summary(): void {
  const failovers = tally.failovers.map(({ what, ms }) => `${what} ${ms} ms`).join(', ');
  const rows = [
    ['calls made', String(tally.made)],
    ['calls lost', String(tally.losses.length)],
    ['failover', failovers],
    ['messages', `${world.trace.length} seen by phones and SIP Servers`],
    ['time', `${story.seconds.toFixed(1)} s`],
  ];
  story.shows(rows.map(([what = '', value = '']) => `  ${what.padEnd(12)}${value}`));
}

/** Stays up for one's own phones until Ctrl-C. */
async function keep(): Promise<void> {
  story.chapter('Yours, until Ctrl-C');
  story.shows([
    ...proxies.map(({ name, address }) => `  ${name}  sip:${address}  http://${address}:9060/status`),
    ...dataCentres.map((name) => `  DNS of ${name}   ${world.site(name).dns.address} knows ${proxiesName}`),
    `  domain       ${domain}`,
    `  accounts     ${phones.map(({ user }) => user).join(', ')}`,
    `  password     ${password}`,
    `  logs         ${world.folder}`,
  ]);
  await interrupted.promise.catch(() => undefined);
}
