import { expect } from 'chai';
import { statusTables, statusView } from '../../../operator/commands/status.ts';
import type { UpState } from '../../../operator/processes/data-directory.ts';
import type { ProxyStatus } from '../../../proxy/status.ts';
import type { HealthRecord, MemberHealth, PairHealth } from '../../../proxy/store/records.ts';

const now = Date.parse('2026-01-01T00:10:00.000Z');
const proxy = (name: string, n: number) => {
  return {
    name,
    geoLocation: 'dc1',
    cluster: 'cc',
    switch: 'sw',
    dn: 'dn',
    address: `127.0.10.${n}`,
    admin: `http://127.0.10.${n}:9060`,
  };
};
const up: UpState = {
  pid: 4711,
  startedAt: '2026-01-01T00:00:00.000Z',
  manifest: '/m.yaml',
  proxies: [proxy('cc-sw-dn-dc1-0', 1), proxy('cc-sw-dn-dc1-1', 2), proxy('cc-sw-dn-dc1-2', 3)],
  shards: [
    {
      cluster: 'cc',
      switch: 'sw',
      dn: 'dn',
      servers: [
        {
          name: 'ss1',
          geoLocation: 'dc1',
          weight: 1,
          members: [
            { role: 'primary', host: '127.0.0.1', port: 5060, transport: 'UDP' },
            { role: 'backup', host: '127.0.0.2', port: 5060, transport: 'UDP' },
          ],
        },
        {
          name: 'remote',
          geoLocation: 'dc2',
          weight: 1,
          members: [{ role: 'primary', host: '127.0.0.3', port: 5060, transport: 'UDP' }],
        },
      ],
    },
  ],
  stores: [{ geoLocation: 'dc1', endpoints: ['http://127.0.0.1:2379'] }],
};

/** What a proxy of dc2 publishes, which runs under another command. */
function far(name: string, at: number, active: PairHealth['active']): HealthRecord {
  const member = { role: 'primary', address: '127.0.0.3:5060', state: 'InService', reason: 'OptionsAnswered' } as const;
  const pairs = [{ name: 'remote', active, since: at - 5000, members: [{ ...member, since: at - 5000 }] }];
  return { proxy: name, geoLocation: 'dc2', at, pairs };
}

function status(name: string, active: PairHealth['active'], available = true, lag = 2500): ProxyStatus {
  const primary: MemberHealth = {
    role: 'primary',
    address: '127.0.0.1:5060',
    state: 'Down',
    reason: 'ConnectionRefused',
    since: now - 5000,
  };
  const backup: MemberHealth = {
    role: 'backup',
    address: '127.0.0.2:5060',
    state: 'InService',
    reason: 'OptionsAnswered',
    since: now - 300_000,
    rtt: 0.7,
    smoothedRtt: 0.42,
  };
  return {
    name,
    geoLocation: 'dc1',
    state: 'Ready',
    boot: 'b',
    addresses: [],
    configuration: { hash: 'h' },
    counts: { registrations: 12, calls: 3, transactions: 1 },
    stores: [{ geoLocation: 'dc1', available, loaded: true, reason: available ? '' : 'Unreachable', lag }],
    pairs: [{ name: 'ss1', active, since: now - 5000, members: [primary, backup] }],
    elsewhere: [far('q1', now - 9000, 'primary'), far('q2', now - 1000, 'primary')],
    proxies: [],
    ready: { ok: true },
    counters: {},
  };
}

describe('the status of what runs', () => {
  const said: Readonly<Record<string, ProxyStatus | string>> = {
    'cc-sw-dn-dc1-0': status('cc-sw-dn-dc1-0', 'backup'),
    'cc-sw-dn-dc1-1': status('cc-sw-dn-dc1-1', 'backup', false, 41_200),
    'cc-sw-dn-dc1-2': 'not running: connection refused',
  };
  const answers = up.proxies.map((each) => ({ proxy: each, status: said[each.name] ?? 'nothing' }));
  const view = statusView(up, answers, now);

  it('tells of every proxy that should run, and why one can not be asked', () => {
    expect(view.proxies[0]).to.include({ state: 'Ready', ready: true, registrations: 12, calls: 3 });
    expect(view.proxies[2]).to.include({ state: 'Unreachable', ready: false, why: 'not running: connection refused' });
  });

  it('tells of a store what each proxy says of it, and how old the news of it are', () => {
    expect(view.stores[0]?.state).to.equal('Unavailable');
    expect(view.stores[0]?.observers).to.deep.equal([
      { proxy: 'cc-sw-dn-dc1-0', available: true, loaded: true, reason: '', lag: 2500 },
      { proxy: 'cc-sw-dn-dc1-1', available: false, loaded: true, reason: 'Unreachable', lag: 41_200 },
    ]);
  });

  it('has every pair, member and observer, with round trip, reason and time', () => {
    const [ss1, remote] = view.switches[0]?.pairs ?? [];
    expect(ss1).to.include({ state: 'InService', active: 'backup' });
    expect(ss1?.members[1]?.observers[0]).to.deep.equal({
      proxy: 'cc-sw-dn-dc1-0',
      state: 'InService',
      reason: 'OptionsAnswered',
      since: '2026-01-01T00:05:00.000Z',
      rtt: 0.7,
      smoothedRtt: 0.42,
    });
    // dc2 runs under another command: by what its proxies publish
    expect(remote).to.include({ state: 'InService', active: 'primary' });
    expect(remote?.members[0]?.observers.map((seen) => seen.proxy)).to.deep.equal(['q1', 'q2']);
  });

  it('knows nothing of a data centre that has been silent for long', () => {
    const later = statusView(up, answers, now + 60_000);
    expect(later.switches[0]?.pairs[1]).to.include({ state: 'Unknown' });
  });

  it('can be read in 80 columns', () => {
    expect(statusTables(view, now, 80)).to
      .equal(`PROXY           DATA CENTRE  STATE        ADDRESS     REGISTERED  CALLS
cc-sw-dn-dc1-0  dc1          Ready        127.0.10.1  12          3
cc-sw-dn-dc1-1  dc1          Ready        127.0.10.2  12          3
cc-sw-dn-dc1-2  dc1          Unreachable  127.0.10.3  -           -

STORE  STATE        PROXIES  LAG    ENDPOINTS
dc1    Unavailable  1/2      41.2s  http://127.0.0.1:2379

sw / dn
PAIR    STATE       MEMBER   SEEN BY  AS, FOR        RTT    REASON
ss1     InService   primary  dc1-0    Down 5s               ConnectionRefused
dc1                          dc1-1    Down 5s               ConnectionRefused
                   *backup   dc1-0    InService 5m   0.4ms  OptionsAnswered
                             dc1-1    InService 5m   0.4ms  OptionsAnswered
remote  InService  *primary  q1       InService 14s         OptionsAnswered
dc2                          q2       InService 6s          OptionsAnswered

cc-sw-dn-dc1-2: not running: connection refused
`);
  });
});
