import { expect } from 'chai';
import { matrix, type PairStatus } from '../../operator/status.ts';
import type { ServerConfig } from '../../proxy/config.ts';
import type { HealthRecord, MemberRole, MemberState, PairHealth } from '../../proxy/store/records.ts';

const NOW = Date.parse('2026-01-01T12:00:00Z');

function server(name = 'ss1', geoLocation = 'dc1'): ServerConfig {
  return {
    name,
    geoLocation,
    weight: 1,
    members: [
      { role: 'primary', host: '10.0.1.11', port: 5060, transport: 'UDP' },
      { role: 'backup', host: 'backup.example.com', port: 5060, transport: 'UDP' },
    ],
  };
}

interface Seen {
  readonly active?: MemberRole | 'none';
  readonly primary?: MemberState;
  readonly backup?: MemberState;
  readonly since?: number;
  readonly dual?: boolean;
}

function sees({
  active = 'primary',
  primary = 'InService',
  backup = 'Down',
  since = NOW - 60_000,
  dual = false,
}: Seen): PairHealth {
  return {
    name: 'ss1',
    active,
    since,
    ...(dual ? { dualPrimary: true as const } : {}),
    members: [
      { role: 'primary', address: '10.0.1.11:5060', state: primary, reason: 'OptionsAnswered', since },
      { role: 'backup', address: '10.0.2.11:5060', state: backup, reason: 'ConnectionRefused', since },
    ],
  };
}

function observer(proxy: string, seen: Seen, at = NOW - 1000, geoLocation = 'dc1'): HealthRecord {
  return { proxy, geoLocation, at, pairs: [sees(seen)] };
}

function only(records: readonly HealthRecord[]): PairStatus {
  const [row] = matrix([server()], records, NOW);
  if (row === undefined) throw new Error('no row');
  return row;
}

describe('the matrix of servers', () => {
  it('shows a pair that all observers find in service', () => {
    expect(only([observer('p1', {}), observer('p2', {})])).to.deep.equal({
      name: 'ss1',
      geoLocation: 'dc1',
      state: 'InService',
      active: 'primary',
      members: [
        {
          role: 'primary',
          address: '10.0.1.11:5060',
          state: 'InService',
          lastTransition: '2026-01-01T11:59:00.000Z',
          reason: 'OptionsAnswered',
        },
        {
          role: 'backup',
          address: '10.0.2.11:5060',
          state: 'Down',
          lastTransition: '2026-01-01T11:59:00.000Z',
          reason: 'ConnectionRefused',
        },
      ],
      observers: [
        { proxy: 'p1', active: 'primary', since: '2026-01-01T11:59:00.000Z' },
        { proxy: 'p2', active: 'primary', since: '2026-01-01T11:59:00.000Z' },
      ],
    });
  });

  it('is Unknown without observers, with the addresses as configured', () => {
    const row = only([]);
    expect(row.state).to.equal('Unknown');
    expect(row).not.to.have.property('active');
    expect(row.members.map((member) => member.address)).to.deep.equal(['10.0.1.11:5060', 'backup.example.com:5060']);
    expect(row.members.map((member) => member.state)).to.deep.equal(['Unknown', 'Unknown']);
  });

  it('leaves out observers of which nothing was heard for half a minute', () => {
    expect(only([observer('p1', {}, NOW - 30_001)]).state).to.equal('Unknown');
  });

  it('leaves out observers of other data centres', () => {
    expect(only([observer('p1', {}, NOW, 'dc2')]).state).to.equal('Unknown');
  });

  it('leaves out observers that have not heard from the members yet', () => {
    const starting = observer('p2', { active: 'none', primary: 'Unknown', backup: 'Unknown' });
    expect(only([observer('p1', {}), starting]).state).to.equal('InService');
    expect(only([starting]).state).to.equal('Unknown');
  });

  it('is OutOfService, with no active member, where all find neither in service', () => {
    const row = only([observer('p1', { active: 'none', primary: 'Down' })]);
    expect(row.state).to.equal('OutOfService');
    expect(row).not.to.have.property('active');
  });

  it('is Degraded where observers disagree, names the active member by majority and the minority first', () => {
    const row = only([observer('p1', {}), observer('p2', { active: 'backup' }), observer('p3', {})]);
    expect(row.state).to.equal('Degraded');
    expect(row.active).to.equal('primary');
    expect(row.observers.map(({ proxy }) => proxy)).to.deep.equal(['p2', 'p1', 'p3']);
  });

  it('is DualPrimary where most observers find both in service, even if they disagree on who is active', () => {
    const dual = { backup: 'InService', dual: true } as const;
    expect(only([observer('p1', dual), observer('p2', { ...dual, active: 'backup' })]).state).to.equal('DualPrimary');
    expect(only([observer('p1', dual), observer('p2', {}), observer('p3', {})]).state).to.equal('InService');
  });

  it('gives a member the state most observers see and the time of the first that saw it', () => {
    const row = only([
      observer('p1', { backup: 'Standby', since: NOW - 5000 }),
      observer('p2', { backup: 'Standby', since: NOW - 9000 }),
      observer('p3', { backup: 'Down', since: NOW - 20_000 }),
    ]);
    expect(row.members[1]).to.include({ state: 'Standby', lastTransition: '2026-01-01T11:59:51.000Z' });
  });

  it('lists 16 observers at most', () => {
    const agreeing = Array.from({ length: 20 }, (_, i) => observer(`p${i + 10}`, {}));
    const row = only([...agreeing, observer('z', { active: 'backup' })]);
    expect(row.observers).to.have.length(16);
    expect(row.observers[0]?.proxy).to.equal('z');
  });

  it('lists only those that disagree where there are more than 50 pairs', () => {
    const servers = [server(), ...Array.from({ length: 50 }, (_, i) => server(`other${i}`))];
    const [row] = matrix(servers, [observer('p1', {}), observer('p2', {}), observer('p3', { active: 'backup' })], NOW);
    expect(row?.observers.map(({ proxy }) => proxy)).to.deep.equal(['p3']);
  });
});
