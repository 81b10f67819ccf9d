import { setTimeout } from 'node:timers/promises';
import { Etcd3 } from 'etcd3';
import { Etcd } from './etcd.ts';
import { freePort } from './free-port.ts';

const NAMES = ['a', 'b', 'c'];
/** So that a leader that is gone is replaced soon: the defaults are ten times that. ms */
const [HEARTBEAT, ELECTION] = ['20', '200'];

/** A real etcd of three members, as a data centre has it. */
export class EtcdMembers {
  readonly members: readonly Etcd[];
  /** As `--initial-cluster` has them. */
  readonly #cluster: string;

  private constructor(members: readonly Etcd[], cluster: string) {
    this.members = members;
    this.#cluster = cluster;
  }

  static async start(flags: readonly string[] = []): Promise<EtcdMembers> {
    const ports: number[] = [];
    for (let i = 0; i < NAMES.length; i++) ports.push(await freePort());
    const cluster = NAMES.map((name, i) => `${name}=http://127.0.0.1:${ports[i]}`).join(',');
    const all = ['--heartbeat-interval', HEARTBEAT, '--election-timeout', ELECTION, ...flags];
    const starting = NAMES.map((name, i) =>
      Etcd.start(all, { membership: { name, peerPort: ports[i] ?? 0, cluster } }),
    );
    return new EtcdMembers(await Promise.all(starting), cluster);
  }

  /** A member that has all data and no vote: it answers neither writes nor reads that must be of now. */
  async addLearner(): Promise<Etcd> {
    const [leader] = await this.byRole();
    const peerPort = await freePort();
    const peer = `http://127.0.0.1:${peerPort}`;
    const body = JSON.stringify({ peerURLs: [peer], isLearner: true });
    // etcd takes one only when all members have been in touch for five seconds
    const end = performance.now() + 20_000;
    for (let added = false; !added;) {
      const response = await fetch(`${leader.endpoint}/v3/cluster/member/add`, { method: 'POST', body });
      const said = await response.text();
      added = response.ok;
      if (!added && performance.now() > end) throw new Error(`etcd takes no learner: ${said}`);
      if (!added) await setTimeout(200);
    }
    const membership = { name: 'learner', peerPort, cluster: `${this.#cluster},learner=${peer}` };
    return Etcd.start(['--initial-cluster-state', 'existing'], { membership });
  }

  get endpoints(): readonly string[] {
    return this.members.map(({ endpoint }) => endpoint);
  }

  /** The leader first. */
  async byRole(): Promise<readonly [Etcd, Etcd, Etcd]> {
    for (let tries = 0; tries < 100; tries++) {
      for (const member of this.members) {
        const others = this.members.filter((other) => other !== member);
        const [one, two] = others;
        if (one !== undefined && two !== undefined && (await isLeader(member))) return [member, one, two];
      }
    }
    throw new Error('etcd has no leader');
  }

  /** Has the leader hand over to another member, as an upgrade does. */
  async moveLeader(): Promise<void> {
    const [leader, next] = await this.byRole();
    const client = new Etcd3({ hosts: leader.endpoint });
    try {
      const { member_id: targetID } = (await idOf(next)) ?? {};
      await client.maintenance.moveLeader({ targetID: targetID ?? '0' });
    } finally {
      client.close();
    }
  }

  async kill(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
  }

  async restart(): Promise<void> {
    await Promise.all(this.members.map((member) => member.restart()));
  }

  /** Puts the data of all aside as a backup of now. */
  async backUp(): Promise<void> {
    await this.kill();
    await Promise.all(this.members.map((member) => member.copyData()));
    await this.restart();
  }

  async restore(): Promise<void> {
    await this.kill();
    await Promise.all(this.members.map((member) => member.putDataBack()));
    await this.restart();
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()));
  }
}

interface Status {
  readonly leader?: string;
  readonly header?: { readonly member_id?: string };
}

async function isLeader(member: Etcd): Promise<boolean> {
  const status = await ask(member);
  return status?.leader !== undefined && status.leader === status.header?.member_id;
}

async function idOf(member: Etcd): Promise<Status['header']> {
  return (await ask(member))?.header;
}

async function ask({ endpoint }: Etcd): Promise<Status | undefined> {
  const options = { method: 'POST', body: '{}', signal: AbortSignal.timeout(500) };
  const response = await fetch(`${endpoint}/v3/maintenance/status`, options).catch(() => undefined);
  return response?.ok === true ? ((await response.json()) as Status) : undefined;
}
