import type { Kubectl } from '../kubernetes/kubectl.ts';
import {
  crowd,
  dataCentres,
  domain,
  memberPod,
  namespace,
  pairs,
  password,
  people,
  phonesPod,
  proxiesName,
  proxiesOf,
  roles,
  type DataCentre,
  type PairPlace,
  type Role,
} from './places.ts';
import type { LoadResult } from './pods/load.ts';
import type { CallOrder, LoadOrder, PhonesOrder } from './pods/phones.ts';
import type { MemberOrder } from './pods/sip-server.ts';

interface Pod {
  readonly metadata: { readonly name: string };
  readonly status: { readonly podIP?: string };
}

/** The name by which a pair sends out, and who knows it. */
type Outbound = Pick<MemberOrder, 'proxies' | 'dns'>;

const label = 'sipcluster-e2e';
const everyone = dataCentres.flatMap((dataCentre) => [...people[dataCentre], ...crowd[dataCentre]]);

/** SIP Server stand-ins and phones, a pod a member and a pod of phones a data centre, told what to do by their names. */
export class Cast {
  readonly #kubectl: Kubectl;
  readonly #addresses = new Map<string, string>();
  #outbound = ({ dataCentre }: PairPlace): Outbound => ({ proxies: proxiesOf(dataCentre) });

  constructor(kubectl: Kubectl) {
    this.#kubectl = kubectl;
  }

  /** Starts the pods, and the pairs in them; the proxies need not be there. */
  async enters(image: string): Promise<void> {
    const servers = pairs.flatMap((pair) => roles.map((role) => memberPod(pair, role)));
    const phones = dataCentres.map(phonesPod);
    await this.#kubectl.apply([
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
      ...servers.map((name) => pod(name, image, 'sip-server.ts', '100m')),
      ...phones.map((name) => pod(name, image, 'phones.ts', '200m')),
      service('proxies', {}),
      ...dataCentres.map((name) => service(`proxies-${name}`, { 'sipcluster.io/geo-location': name })),
    ]);
    const all = `--selector=app=${label}`;
    await this.#kubectl.run('wait', '-n', namespace, 'pod', all, '--for=condition=Ready', '--timeout=180s');
    const { items } = await this.#kubectl.json<{ items: readonly Pod[] }>('get', 'pods', '-n', namespace, all);
    for (const { metadata, status } of items) this.#addresses.set(metadata.name, status.podIP ?? '');
    await Promise.all(pairs.flatMap((pair) => roles.map((role) => this.startsMember(pair, role))));
  }

  /** Address of a member's pod, the same after it was killed. */
  address(pair: PairPlace, role: Role): string {
    const name = memberPod(pair, role);
    const address = this.#addresses.get(name);
    if (address === undefined) throw new Error(`the pod ${name} has no address`);
    return address;
  }

  async startsMember(pair: PairPlace, role: Role): Promise<void> {
    const partner = this.address(pair, role === 'primary' ? 'backup' : 'primary');
    const order: MemberOrder = {
      role,
      partner,
      domain,
      users: everyone,
      password,
      ...this.#outbound(pair),
    };
    await this.#ask(memberPod(pair, role), 'starts', order);
  }

  /** All pairs start again, to send out by other proxies. */
  async leadsOut(outbound: (pair: PairPlace) => Outbound): Promise<void> {
    this.#outbound = outbound;
    const members = pairs.flatMap((pair) => roles.map((role) => [pair, role] as const));
    await Promise.all(members.map(([pair, role]) => this.killsMember(pair, role)));
    await Promise.all(members.map(([pair, role]) => this.startsMember(pair, role)));
  }

  async killsMember(pair: PairPlace, role: Role): Promise<void> {
    await this.#ask(memberPod(pair, role), 'isKilled');
  }

  /** Opens everyone's phones. */
  async phonesOpen(): Promise<void> {
    await Promise.all(
      dataCentres.map((dataCentre) => {
        const users = [...people[dataCentre], ...crowd[dataCentre]];
        const order: PhonesOrder = { users, domain, password, proxies: proxiesName, transport: 'UDP', expires: 120 };
        return this.#ask(phonesPod(dataCentre), 'opens', order);
      }),
    );
  }

  /** The status that each user's REGISTER got. */
  async register(dataCentre: DataCentre, users: readonly string[]): Promise<Record<string, number>> {
    return this.#ask(phonesPod(dataCentre), 'register', users);
  }

  /** ms until the callee answered. */
  async call(from: string, to: string): Promise<number> {
    const order: CallOrder = { from, to };
    return this.#ask(podOf(from), 'call', order);
  }

  /** Holds and takes back whom the user talks to. */
  async hold(user: string): Promise<void> {
    await this.#ask(podOf(user), 'hold', user);
  }

  /** ms until the BYE was answered. */
  async hangUp(user: string): Promise<number> {
    return this.#ask(podOf(user), 'hangUp', user);
  }

  /** How many calls the user has up. */
  async up(user: string): Promise<number> {
    return this.#ask(podOf(user), 'up', user);
  }

  /** Calls from the crowd of each data centre to the other's: `rate` a second in all. */
  async startLoad(rate: number): Promise<void> {
    const each = rate / dataCentres.length;
    await Promise.all(
      dataCentres.map((dataCentre) => {
        const other = dataCentre === 'dc1' ? 'dc2' : 'dc1';
        const order: LoadOrder = { from: crowd[dataCentre], to: crowd[other], rate: each, hold: 1000 };
        return this.#ask(phonesPod(dataCentre), 'startLoad', order);
      }),
    );
  }

  async load(): Promise<readonly LoadResult[]> {
    return Promise.all(dataCentres.map((dataCentre) => this.#ask<LoadResult>(phonesPod(dataCentre), 'load')));
  }

  async stopLoad(): Promise<readonly LoadResult[]> {
    return Promise.all(dataCentres.map((dataCentre) => this.#ask<LoadResult>(phonesPod(dataCentre), 'stopLoad')));
  }

  #ask<T>(name: string, command: string, argument?: unknown): Promise<T> {
    return this.#kubectl.ask<T>(namespace, name, command, argument);
  }
}

function podOf(user: string): string {
  const dataCentre = dataCentres.find((name) => people[name].includes(user) || crowd[name].includes(user));
  if (dataCentre === undefined) throw new Error(`nobody is called ${user}`);
  return phonesPod(dataCentre);
}

/** @param cpu what it needs at the greatest load */
function pod(name: string, image: string, program: string, cpu: string): object {
  const address = { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } };
  const container = {
    name: 'peer',
    image,
    args: [`test/e2e/pods/${program}`],
    env: [address],
    resources: { requests: { cpu } },
    ports: [{ containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/healthy', port: 8080 }, periodSeconds: 1, timeoutSeconds: 5 },
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { app: label } },
    spec: { containers: [container], terminationGracePeriodSeconds: 1, automountServiceAccountToken: false },
  };
}

/** A name of proxies with SRV records, as the site's DNS would have it. */
function service(name: string, more: Readonly<Record<string, string>>): object {
  const selector = { 'sipcluster.io/cluster': 'contact-center', 'app.kubernetes.io/component': 'proxy', ...more };
  const ports = [{ name: 'sip', protocol: 'UDP', port: 5060 }];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { clusterIP: 'None', selector, ports },
  };
}
