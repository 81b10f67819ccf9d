import { eventually } from '../../peers/deadline.ts';
import { DnsServerStandIn } from '../../peers/dns-server-stand-in.ts';
import { Phone } from '../../peers/phone.ts';
import { Authority } from '../../proxy/transport/certificates.ts';
import type { Kubectl } from '../../kubernetes/kubectl.ts';
import { apart, apartManifest, betweenProxies, partIn, ports, proxiesApart, serviceBetween } from '../apart.ts';
import { network } from '../node/network.ts';
import { Partition, type Side } from '../node/partition.ts';
import { crowd, dataCentres, domain, namespace, pairs, password, roles, type DataCentre } from '../places.ts';
import { Load } from '../pods/load.ts';
import { since, type Stage } from '../stage.ts';

interface Pods {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status: { readonly podIP?: string };
  }[];
}
interface HeadlessService {
  readonly spec: { readonly selector: Readonly<Record<string, string>> };
}
interface Proxy {
  readonly name: string;
  readonly address: string;
}
type Each<T> = Readonly<Record<DataCentre, T>>;
type NodeStage = Stage & { readonly inside: NonNullable<Stage['inside']> };

/** Calls a second, and how long they are made, ms. */
const load = { rate: 10, duration: 15_000, hold: 500 };

/** Two data centres as docs/install.md has them: one address for the proxies of each, and mutual TLS between them. */
export async function meetAtOneAddress(stage: NodeStage): Promise<void> {
  const { kubectl, story } = stage;
  const servers = await views();
  const phones = await views();
  let partition: Partition | undefined;
  const opened: Phone[] = [];
  try {
    await stage.cast.leadsOut(({ dataCentre }) => ({ proxies: proxiesApart, dns: servers[dataCentre].address }));
    const began = performance.now();
    const proxies = await applied(stage);
    partition = await Partition.between(stage.inside, side(stage, proxies, 'dc1'), side(stage, proxies, 'dc2'));
    for (const dataCentre of dataCentres) {
      servers[dataCentre].sip(
        proxiesApart,
        proxies[dataCentre].map(({ address }) => ({ address, port: ports.servers })),
      );
      phones[dataCentre].sip(proxiesApart, [{ address: network.apart[dataCentre].phones, port: ports.phones }]);
    }
    await kubectl.run('wait', '-n', namespace, '--for=condition=Ready', `sipcluster/${apart}`, '--timeout=120s');
    story.tells(`two proxies in each data centre, behind one address each, are Ready after ${since(began)}`);
    await isCutOff(stage, proxies);
    const before = await partition.dropped();

    const at = async (dataCentre: DataCentre): Promise<Phone[]> => {
      const found = await Promise.all(crowd[dataCentre].map((user, index) => phone(user, index, phones[dataCentre])));
      opened.push(...found);
      for (const one of found) await one.registers();
      return found;
    };
    const there = { dc1: await at('dc1'), dc2: await at('dc2') };
    story.tells(`${opened.length} phones are registered, by TCP or by UDP from behind a NAT, each in its data centre`);
    await callsEach(stage, proxies, there, 'dc1', 'dc2');
    await callsEach(stage, proxies, there, 'dc2', 'dc1');
    await callsMany(stage, proxies, there);
    const dropped = (await partition.dropped()) - before;
    if (dropped > 0) throw new Error(`${dropped} packets were sent where nothing leads: to pods there, or to phones`);
    story.tells("not one packet was sent to an address of the other data centre's pods");
  } finally {
    await Promise.all(opened.map((one) => one.close()));
    await partition?.ends();
    await Promise.all(dataCentres.flatMap((name) => [servers[name].close(), phones[name].close()]));
  }
  const own = [`secret/${betweenProxies}`, ...dataCentres.map((name) => `service/${betweenProxies}-${name}`)];
  await kubectl.run('delete', '-n', namespace, ...own);
}

/** A DNS for each data centre, on the machine. */
async function views(): Promise<Each<DnsServerStandIn>> {
  const start = () => DnsServerStandIn.start({ address: network.outside, port: 0 });
  return { dc1: await start(), dc2: await start() };
}

/** Makes what docs/install.md says, and resolves to the proxies as soon as they have addresses. */
async function applied({ kubectl, cast }: Stage): Promise<Each<readonly Proxy[]>> {
  const authority = await Authority.make();
  const { cert, key } = await authority.issue({ names: [proxiesApart] });
  const stringData = { 'tls.crt': cert, 'tls.key': key, 'ca.crt': authority.pem };
  await kubectl.apply([
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: betweenProxies, namespace }, stringData },
  ]);
  await kubectl.apply(apartManifest(cast));
  const found: Record<DataCentre, Proxy[]> = { dc1: [], dc2: [] };
  await eventually(120_000, 'proxies of both data centres have addresses', async () => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    for (const dataCentre of dataCentres) found[dataCentre] = await proxiesIn(kubectl, dataCentre);
    return dataCentres.every((dataCentre) => found[dataCentre].length === 2);
  });
  for (const dataCentre of dataCentres) {
    const name = `${partIn(dataCentre)}-tcp`;
    const { spec } = await kubectl.json<HeadlessService>('get', '-n', namespace, 'service', name);
    await kubectl.apply([serviceBetween(dataCentre, spec.selector)]);
  }
  return found;
}

async function proxiesIn(kubectl: Kubectl, dataCentre: DataCentre): Promise<Proxy[]> {
  const ours = `--selector=sipcluster.io/part=${partIn(dataCentre)}`;
  const { items } = await kubectl.json<Pods>('get', 'pods', '-n', namespace, ours);
  return items.flatMap(({ metadata: { name }, status: { podIP } }) =>
    podIP === undefined ? [] : [{ name, address: podIP }],
  );
}

function side({ cast }: Stage, proxies: Each<readonly Proxy[]>, dataCentre: DataCentre): Side {
  const near = pairs.filter((pair) => pair.dataCentre === dataCentre);
  return {
    proxies: proxies[dataCentre].map(({ address }) => address),
    others: near.flatMap((pair) => roles.map((role) => cast.address(pair, role))),
  };
}

/** From a proxy, those of its own data centre are reached at their pods' addresses, the others at the one of their Service. */
async function isCutOff({ kubectl, story }: Stage, proxies: Each<readonly Proxy[]>): Promise<void> {
  const [from, colleague] = proxies.dc1;
  const [other] = proxies.dc2;
  if (from === undefined || colleague === undefined || other === undefined) throw new Error('proxies are missing');
  const connects = async (address: string): Promise<string> => {
    const script = `
      const says = (what) => process.stdout.write(what, () => process.exit());
      const socket = require('node:net').connect(${ports.proxies}, '${address}');
      socket.on('connect', () => says('there')).on('error', ({ code }) => says(code));
      setTimeout(() => says('silence'), 2000);`;
    return kubectl.run('exec', '-n', namespace, from.name, '--', 'node', '-e', script);
  };
  const found = [
    await connects(colleague.address),
    await connects(other.address),
    await connects(network.apart.dc2.proxies),
  ].join(', ');
  if (found !== 'there, silence, there')
    throw new Error(`from a proxy to its colleague, a pod of the other data centre, and that one's address: ${found}`);
  story.tells(
    `from ${from.name} a proxy of dc2 is not reached at its pod's ${other.address}, but at ${network.apart.dc2.proxies}`,
  );
}

/** Every other one speaks UDP and knows nothing of the NAT before it, which lets in only whom it has sent to. */
function phone(user: string, index: number, dns: DnsServerStandIn): Promise<Phone> {
  return Phone.start({
    ...(index % 2 === 0 ? { transport: 'TCP' } : { transport: 'UDP', contactHost: '192.0.2.1' }),
    domain,
    password,
    user,
    address: network.outside,
    proxy: proxiesApart,
    dns: dns.address,
    answering: 'automatically',
    patience: { invite: 4000, other: 8000 },
  });
}

/** Each phone of a data centre is called from the other one, holds, and hangs up: by the proxy that it is at and by others. */
async function callsEach(
  { kubectl, story }: Stage,
  proxies: Each<readonly Proxy[]>,
  phones: Each<readonly Phone[]>,
  from: DataCentre,
  to: DataCentre,
): Promise<void> {
  const [caller] = phones[from];
  if (caller === undefined) throw new Error('nobody calls');
  const handedOn = { TCP: 0, UDP: 0 };
  let slowest = 0;
  const timed = async <T>(what: Promise<T> | undefined): Promise<T | undefined> => {
    const began = performance.now();
    const result = await what;
    slowest = Math.max(slowest, performance.now() - began);
    return result;
  };
  for (const callee of phones[to]) {
    const before = await counted(kubectl, proxies[to], 'handed_over');
    const call = await caller.calls(callee.user);
    if ((await counted(kubectl, proxies[to], 'handed_over')) > before) handedOn[transportOf(callee)]++;
    await timed(call.holds());
    await timed(call.resumes());
    const at = callee.had.at(-1);
    await timed(at?.holds());
    await timed(at?.hangsUp());
    if ((await call.ended) !== 'there') throw new Error(`the BYE of ${callee.user} did not reach ${caller.user}`);
  }
  const onward = handedOn.TCP + handedOn.UDP;
  const straight = phones[to].length - onward;
  const said = `${caller.user} of ${from} calls ${phones[to].length} phones of ${to}: ${straight} calls come to the proxy that has the phone, ${onward} to the other one, which hands them on (${handedOn.TCP} to TCP, ${handedOn.UDP} to UDP)`;
  // With ten phones and a load balancer that throws dice, once in some 500 runs one of them is not seen.
  if (straight === 0 || onward === 0) throw new Error(`${said}: both should be seen; try again`);
  story.tells(
    `${said}; each is held from both ends and ended by the callee, answered after ${Math.round(slowest)} ms at most`,
  );
}

function transportOf({ contact }: Phone): 'TCP' | 'UDP' {
  return contact.includes('transport=tcp') ? 'TCP' : 'UDP';
}

/** Calls from each data centre to the other, at once. */
async function callsMany(
  { kubectl, story }: Stage,
  proxies: Each<readonly Proxy[]>,
  phones: Each<readonly Phone[]>,
): Promise<void> {
  const all = [...proxies.dc1, ...proxies.dc2];
  const names = (dataCentre: DataCentre): string[] => phones[dataCentre].map(({ user }) => user);
  const before = await counted(kubectl, all, 'handed_over');
  const loads = [
    new Load(phones.dc1, names('dc2'), load.rate, load.hold),
    new Load(phones.dc2, names('dc1'), load.rate, load.hold),
  ];
  await new Promise((resolve) => setTimeout(resolve, load.duration));
  const results = await Promise.all(loads.map((one) => one.stop()));
  const failures = results.flatMap((result) => result.failures);
  for (const { at, why } of failures.slice(0, 10)) story.complains(`${at} ${why}`);
  const made = results.reduce((sum, result) => sum + result.made, 0);
  if (failures.length > 0) throw new Error(`${failures.length} of ${made} calls failed`);
  const handed = (await counted(kubectl, all, 'handed_over')) - before;
  const lost = (await counted(kubectl, all, 'handover_silent')) + (await counted(kubectl, all, 'flow_failed'));
  if (lost > 0) throw new Error(`${lost} requests got no answer from the proxy or phone that they were for`);
  const slowest = Math.max(...results.map((result) => result.slowest));
  const heldUp = Math.max(...results.map((result) => result.heldUp));
  story.tells(
    `${made} calls both ways, ${2 * load.rate} a second: none failed, the slowest was answered after ${slowest} ms, the phones were held up for ${heldUp} ms at most; ${handed} requests were handed over`,
  );
}

/** The sum of a counter of these proxies, as their /metrics have it. */
async function counted(kubectl: Kubectl, proxies: readonly Proxy[], name: string): Promise<number> {
  const texts = await Promise.all(
    proxies.map((proxy) =>
      kubectl.run('get', '--raw', `/api/v1/namespaces/${namespace}/pods/${proxy.name}:9060/proxy/metrics`),
    ),
  );
  const line = new RegExp(`^sipcluster_${name}_total (\\d+)`, 'm');
  return texts.reduce((sum, text) => sum + Number(line.exec(text)?.[1] ?? 0), 0);
}
