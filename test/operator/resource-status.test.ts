import { expect } from 'chai';
import type { DeploymentState } from '../../operator/deployment-state.ts';
import { happenings } from '../../operator/happenings.ts';
import type { StoreView } from '../../operator/observe.ts';
import { plan } from '../../operator/plan/plan.ts';
import { configurationLag, type Observed } from '../../operator/observed.ts';
import { resourceStatus } from '../../operator/resource-status.ts';
import type { SipCluster, SipClusterStatus } from '../../operator/sip-cluster.ts';
import { resource } from './resources.ts';

const at = Date.UTC(2026, 0, 1);
const cluster = resource('design');
const planned = plan(cluster);
const [first] = planned.shards;
if (first === undefined) throw new Error('no shard');

const ready = new Map<string, DeploymentState>(
  planned.shards.map(({ name, replicas }) => [
    name,
    { desired: replicas, ready: replicas, updated: replicas, rolling: false },
  ]),
);

/** What the proxies of a data centre publish: all of them on this configuration, and one view of its pairs. */
function view(geoLocation: string, active: 'primary' | 'none' = 'primary', hash?: string): StoreView {
  const shard = planned.shards.find((found) => found.geoLocation === geoLocation);
  const proxy = `${geoLocation}-p`;
  const pairs = (shard?.config.servers ?? []).map(({ name, members }) => ({
    name,
    active,
    since: at,
    members: members.map(({ role, host }) => ({
      role,
      address: `${host}:5060`,
      state: role === active ? ('InService' as const) : ('Down' as const),
      reason: 'Timeout',
      since: at,
    })),
  }));
  return {
    switch: 'SIP_Cluster_Switch',
    dn: 'SIP_Cluster_DN',
    geoLocation,
    judged: true,
    available: true,
    reason: 'Reached',
    proxies: [
      {
        name: proxy,
        geoLocation,
        state: 'Ready',
        boot: 'b',
        addresses: [{ transport: 'UDP', address: '198.51.100.7', port: 5060, side: 'Both' }],
        admin: '',
        configuration: { hash: hash ?? shard?.configHash ?? '' },
        counts: { registrations: 12_345, calls: 311, here: { registrations: 10_049, calls: 7 } },
        keys: [],
      },
    ],
    health: [{ proxy, geoLocation, at, pairs }],
  };
}

function observed(change: Partial<Observed> = {}): Observed {
  return {
    plan: planned,
    deployments: ready,
    views: [view('dc1'), view('dc2')],
    problems: [],
    addressPending: [],
    waiting: [],
    troubles: new Map(),
    ...change,
  };
}
function of(change: Partial<Observed>, before?: SipClusterStatus, now = at): SipClusterStatus {
  const known: SipCluster = before === undefined ? cluster : { ...cluster, status: before };
  return resourceStatus(known, observed(change), now);
}
function conditionsOf({ conditions }: SipClusterStatus): Record<string, string> {
  return Object.fromEntries((conditions ?? []).map(({ type, status, reason }) => [type, `${status} ${reason}`]));
}

describe('resourceStatus', () => {
  it('is Ready, and no more than that, when all is well', () => {
    expect(conditionsOf(of({}))).to.deep.equal({
      Ready: 'True ProxiesReady',
      ConfigurationValid: 'True Valid',
      StoreAvailable: 'True Reached',
      ServersAvailable: 'True PairsInService',
    });
    expect(of({}).summary).to.deep.equal({
      proxiesReady: 5,
      proxiesDesired: 5,
      serversInService: 3,
      servers: 3,
      registrations: 12_300,
      calls: 311,
    });
  });

  it('counts the registrations and calls of each data centre, as far as its proxies say them', () => {
    const [dc1, dc2] = [view('dc1'), view('dc2')];
    const older = dc2.proxies.map((proxy) => ({ ...proxy, counts: { registrations: 12_345, calls: 311 } }));
    const [dn] = of({ views: [dc1, { ...dc2, proxies: older }] }).switches?.[0]?.clusterDNs ?? [];
    const said = dn?.proxies?.map(({ registrations, calls }) => [registrations, calls]);
    expect(said).to.deep.equal([
      [10_000, 7],
      [undefined, undefined],
    ]);
  });

  it('stays Ready while SIP Servers, or an etcd, are out: that is said elsewhere', () => {
    const out = conditionsOf(
      of({ views: [view('dc1', 'none'), { ...view('dc2'), available: false, reason: 'Unreachable' }] }),
    );
    expect(out).to.include({
      Ready: 'True ProxiesReady',
      ServersAvailable: 'False PairsOutOfService',
      StoreAvailable: 'False Unreachable',
    });
  });

  it('says of a proxy that does not come up what keeps it from that', () => {
    const deployments = new Map([...ready].map(([name, state]) => [name, { ...state, ready: 1 }]));
    const troubles = new Map([[first.name, ['pod p-1: Unschedulable: no free ports', 'pod p-2: the same']]]);
    const condition = of({ deployments, troubles }).conditions?.find(({ type }) => type === 'Ready');
    expect(condition?.message).to.contain(
      `${first.name}: 1 of 2 ready, 2 of the newest; pod p-1: Unschedulable: no free ports;`,
    );
    expect(condition?.message).not.to.contain('p-2');
  });

  it('is not Ready while a proxy is missing or on an older configuration, and says that it is under way', () => {
    expect(conditionsOf(of({ views: [view('dc1', 'primary', 'older'), view('dc2')] }))).to.include({
      Ready: 'False ConfigurationSpreading',
      Reconciling: 'True ConfigurationSpreading',
    });
    const deployments = new Map([...ready].map(([name, state]) => [name, { ...state, ready: 1, rolling: true }]));
    expect(conditionsOf(of({ deployments }))).to.include({
      Ready: 'False ProxiesNotReady',
      Reconciling: 'True Rolling',
    });
  });

  it('is Stalled when a roll goes no further, and names the shard', () => {
    const deployments = new Map(
      [...ready].map(([name, state]) => [name, { ...state, updated: 1, rolling: true, stuck: 'no image' }]),
    );
    const { conditions } = of({ deployments });
    expect(conditions?.find(({ type }) => type === 'Stalled')).to.include({ status: 'True', reason: 'RollStuck' });
    expect(conditions?.find(({ type }) => type === 'Stalled')?.message).to.contain(first.name);
  });

  it('says why proxies refuse a configuration', () => {
    const refusing = view('dc1', 'primary', 'older');
    const views = [
      {
        ...refusing,
        proxies: refusing.proxies.map((proxy) => ({
          ...proxy,
          configuration: { hash: 'older', refused: { hash: first.configHash, why: 'listeners[0]: taken' } },
        })),
      },
      view('dc2'),
    ];
    expect(configurationLag(first, views)).to.deep.equal({ behind: [], refused: ['dc1-p: listeners[0]: taken'] });
    expect(conditionsOf(of({ views }))).to.include({
      Ready: 'False ConfigurationRefused',
      Stalled: 'True ConfigurationRefused',
    });
  });

  const messageOf = ({ conditions }: SipClusterStatus, type: string): string =>
    conditions?.find((condition) => condition.type === type)?.message ?? '';
  const lacking = new Map([...ready].map(([name, state]) => [name, { ...state, ready: 1 }]));
  const dn = 'spec.switches[SIP_Cluster_Switch].clusterDNs[SIP_Cluster_DN]';

  it('says that the ports of a listener are taken on every node', () => {
    const trouble = "pod p: Unschedulable: 0/1 nodes are available: 1 node(s) didn't have free ports";
    const status = of({ deployments: lacking, troubles: new Map([[first.name, [trouble]]]) });
    expect(conditionsOf(status)).to.include({ Ready: 'False PortsTaken', ServersAvailable: 'True PairsInService' });
    expect(messageOf(status, 'Ready')).to.contain(`${dn}.proxies[dc1].listeners: ${first.name}: 1 of 2 ready`);
  });

  it('says which listener has a key that does not belong to its certificate, whether proxies can start or not', () => {
    const why = '/var/run/secrets/sip-tls/tls.key: it is not the key of /var/run/secrets/sip-tls/tls.crt';
    const field = `${dn}.proxies[dc1].listeners[TLS 5061].tlsSecretName`;
    const troubles = new Map([[first.name, [`pod p: CrashLoopBackOff: ${why}`]]]);
    const starting = of({ deployments: lacking, troubles });
    expect(conditionsOf(starting)).to.include({ Ready: 'False CertificateRefused' });
    expect(messageOf(starting, 'Ready')).to.contain(`${field}: ${first.name}`);

    const seen = view('dc1');
    const complaining = { ...seen, proxies: seen.proxies.map((proxy) => ({ ...proxy, complaints: [why] })) };
    const running = of({ views: [complaining, view('dc2')] });
    expect(conditionsOf(running)).to.deep.equal({
      Ready: 'True ProxiesReady',
      ConfigurationValid: 'False CertificateRefused',
      StoreAvailable: 'True Reached',
      ServersAvailable: 'True PairsInService',
    });
    expect(messageOf(running, 'ConfigurationValid')).to.equal(`${field}: dc1-p: ${why}`);
  });

  it('says which Secret holds a user that etcd refuses', () => {
    const status = of({ views: [{ ...view('dc1'), available: false, reason: 'Unauthenticated' }, view('dc2')] });
    expect(conditionsOf(status)).to.include({ Ready: 'True ProxiesReady', StoreAvailable: 'False Unauthenticated' });
    expect(messageOf(status, 'StoreAvailable')).to.contain(
      'spec.geoLocations[dc1].etcd.authSecretName: etcd refuses the user of the Secret etcd-dc1-user',
    );
  });

  it('says which host has no address', () => {
    const seen = view('dc1');
    const nameless = seen.health.map((record) => ({
      ...record,
      pairs: record.pairs.map((pair) => ({
        ...pair,
        members: pair.members.map((member) =>
          member.role === 'backup' ? { ...member, reason: 'NameNotResolved' } : member,
        ),
      })),
    }));
    const status = of({ views: [{ ...seen, health: nameless }, view('dc2')] });
    expect(conditionsOf(status)).to.include({ Ready: 'True ProxiesReady', ServersAvailable: 'False HostNotResolved' });
    expect(messageOf(status, 'ServersAvailable')).to.contain(
      `DNS gives no address for ${dn}.sipServers[ss1].backup.host`,
    );
  });

  it('changes the time of a condition only with its status, so that a cluster at rest writes nothing', () => {
    const before = of({});
    expect(of({}, before, at + 20_000)).to.deep.equal(before);
    const after = of({ views: [view('dc1', 'none'), view('dc2')] }, before, at + 20_000);
    const time = (status: SipClusterStatus, name: string) =>
      status.conditions?.find(({ type }) => type === name)?.lastTransitionTime;
    expect(time(after, 'ServersAvailable')).not.to.equal(time(before, 'ServersAvailable'));
    expect(time(after, 'Ready')).to.equal(time(before, 'Ready'));
  });
});

describe('happenings', () => {
  it('tell of what people want to know, and of nothing at first', () => {
    expect(happenings(undefined, of({ views: [view('dc1', 'none')] }))).to.deep.equal([]);
    const down = of({ views: [view('dc1', 'none'), { ...view('dc2'), available: false, reason: 'NoSpace' }] });
    expect(happenings(of({}), down).map(({ reason }) => reason)).to.deep.equal(['PairOutOfService', 'StoreLost']);
    expect(happenings(down, of({})).map(({ reason }) => reason)).to.deep.equal(['PairInService', 'StoreBack']);
    expect(happenings(of({}), of({}))).to.deep.equal([]);
  });

  it('tell of pairs that do the same in one', () => {
    const pairs = (state: 'InService' | 'OutOfService'): SipClusterStatus => ({
      switches: [
        {
          name: 'sw',
          clusterDNs: [{ name: 'dn', sipServers: Array.from({ length: 128 }, (_, n) => ({ name: `ss${n}`, state })) }],
        },
      ],
    });
    expect(happenings(pairs('InService'), pairs('OutOfService'))).to.deep.equal([
      {
        type: 'Warning',
        reason: 'PairOutOfService',
        note: 'sw/dn/ss0, sw/dn/ss1, sw/dn/ss2, sw/dn/ss3, sw/dn/ss4 and 123 more: no member is in service',
      },
    ]);
  });
});
