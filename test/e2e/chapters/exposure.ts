import type { Address } from '../../peers/address.ts';
import { LoadBalancerStandIn, type BalancerEdge } from '../../peers/load-balancer-stand-in.ts';
import { eventually } from '../../peers/deadline.ts';
import { DnsServerStandIn } from '../../peers/dns-server-stand-in.ts';
import { Phone } from '../../peers/phone.ts';
import type { Kubectl } from '../../kubernetes/kubectl.ts';
import { addressWanted } from '../apart.ts';
import { exposedManifest, exposures, onHost, outside, partOf, proxiesOfDn, type Exposed } from '../exposed.ts';
import { network } from '../node/network.ts';
import { domain, namespace, password } from '../places.ts';
import { conditionsOf, readOf } from '../resource.ts';
import { since, type Stage } from '../stage.ts';

interface Service {
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: { readonly type?: string; readonly ports: readonly { protocol: string; nodePort: number }[] };
  readonly status: { readonly loadBalancer?: { readonly ingress?: readonly { readonly ip: string }[] } };
}

/** A phone outside the cluster, on the machine: it reaches the node and addresses of load balancers, and no pod. */
type OutsidePhone = Phone;

/** Whose calls go by way of NodePort, load balancer and the node's own ports. */
export interface OutsidePhones {
  readonly caller: OutsidePhone;
  readonly callee: OutsidePhone;
}

/** Addresses for Services of `type: LoadBalancer`. */
export function balancer(kubectl: Kubectl): LoadBalancerStandIn {
  const edge: BalancerEdge = {
    services: async () => {
      const { items } = await kubectl.json<{ items: readonly Service[] }>('get', 'services', '-n', namespace);
      return items
        .filter(({ spec }) => spec.type === 'LoadBalancer')
        .map(({ metadata, status }) => ({
          name: metadata.name,
          address: status.loadBalancer?.ingress?.[0]?.ip,
          wants: metadata.annotations?.[addressWanted],
        }));
    },
    assign: async (name, ip) => {
      const patch = JSON.stringify({ status: { loadBalancer: { ingress: [{ ip }] } } });
      await kubectl.run('patch', 'service', name, '-n', namespace, '--subresource=status', '--type=merge', '-p', patch);
    },
  };
  return new LoadBalancerStandIn(edge, network.balanced);
}

/** The SIP Servers send by the proxies of these DNs from now on, and the SipCluster is up as far as one node lets it be. */
export async function exposed({ kubectl, cast, story }: Stage): Promise<void> {
  await cast.leadsOut(({ name }) => {
    const found = exposures.find(({ pair }) => pair.name === name);
    if (found === undefined) throw new Error(`nothing leads to ${name}`);
    return { proxies: proxiesOfDn(found) };
  });
  const began = performance.now();
  await kubectl.apply(exposedManifest(cast));
  // HostNetwork has one proxy a node, and there is one node.
  await eventually(120_000, 'proxies of each exposure are ready', async () => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const read = await Promise.all([readOf(kubectl, outside), readOf(kubectl, onHost)]);
    const dns = read.flatMap(({ status }) => status?.switches?.[0]?.clusterDNs ?? []);
    return exposures.every(({ dn, type }) => {
      const ready = dns.find(({ name }) => name === dn)?.proxies?.[0]?.ready ?? 0;
      return ready >= (type === 'HostNetwork' ? 1 : 2);
    });
  });
  story.tells(`proxies by ${exposures.map(({ type }) => type).join(', ')} are ready after ${since(began)}`);
}

/** That a second proxy of HostNetwork finds no node is said, with the field. */
export async function portsTaken({ kubectl, story }: Stage): Promise<void> {
  let said = '';
  await eventually(30_000, 'Ready says PortsTaken', async () => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const ready = conditionsOf(await readOf(kubectl, onHost)).get('Ready');
    said = ready?.message ?? '';
    return ready?.reason === 'PortsTaken' && said.includes('clusterDNs[host].proxies[dc1].listeners');
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}; it says ${said}`, { cause: error });
  });
  story.tells(`of a second proxy on the one node: ${said}`);
}

/** Registrations and a call each way, by what the proxies advertise. */
export async function callsFromOutside(stage: Stage): Promise<void> {
  const dns = await DnsServerStandIn.start({ address: network.outside, port: 0 });
  try {
    for (const each of exposures) {
      const phones = await opened(stage, each, dns);
      try {
        await callBothWays(stage, each, phones);
      } finally {
        await Promise.all([phones.caller.close(), phones.callee.close()]);
      }
    }
  } finally {
    await dns.close();
  }
}

/** One speaks TCP and the other UDP. */
async function opened({ kubectl }: Stage, each: Exposed, dns: DnsServerStandIn): Promise<OutsidePhones> {
  const name = proxiesOfDn(each);
  for (const protocol of ['UDP', 'TCP'] as const) {
    const { address, port } = await entrance(kubectl, each, protocol);
    const target = `outside.${name}`;
    dns.a(target, [address]).srv(`_sip._${protocol.toLowerCase()}.${name}`, [{ target, port }]);
  }
  const place = { domain, password, address: network.outside, proxy: name, dns: dns.address };
  const common = { ...place, answering: 'automatically' } as const;
  const patience = { invite: 4000, other: 8000 };
  return {
    caller: await Phone.start({ ...common, patience, user: each.caller, transport: 'TCP' }),
    callee: await Phone.start({ ...common, patience, user: each.callee, transport: 'UDP' }),
  };
}

async function callBothWays({ story }: Stage, { type }: Exposed, { caller, callee }: OutsidePhones): Promise<void> {
  await caller.registers();
  await callee.registers();
  const began = performance.now();
  const call = await caller.calls(callee.user);
  const answered = since(began);
  await call.holds();
  await call.resumes();
  await call.hangsUp();
  const back = await callee.calls(caller.user);
  const [incoming] = caller.had.filter((one) => one.incoming);
  await incoming?.hangsUp();
  if ((await back.ended) !== 'there') throw new Error(`${type}: the callee's BYE did not reach the caller`);
  const at = `${caller.registeredThrough?.address}:${caller.registeredThrough?.port}`;
  story.tells(
    `${type}: ${caller.user} (TCP, by ${at}) and ${callee.user} (UDP) register and call each other, answered after ${answered}`,
  );
}

/** Where phones outside find a DN's proxies. */
async function entrance(kubectl: Kubectl, each: Exposed, protocol: 'UDP' | 'TCP'): Promise<Address> {
  if (each.type === 'HostNetwork') return { address: network.node, port: each.port };
  const { spec, status } = await kubectl.json<Service>('get', 'service', `${partOf(each)}-external`, '-n', namespace);
  if (each.type === 'LoadBalancer') return { address: status.loadBalancer?.ingress?.[0]?.ip ?? '', port: each.port };
  return {
    address: network.node,
    port: spec.ports.find((port) => port.protocol === protocol)?.nodePort ?? 0,
  };
}
