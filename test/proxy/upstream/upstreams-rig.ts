import { pino } from 'pino';
import type { OosCheckConfig, ServerConfig } from '../../../proxy/config.ts';
import type { HealthRecord, MemberRole } from '../../../proxy/store/records.ts';
import type { Member } from '../../../proxy/upstream/pair.ts';
import { Upstreams, type PingResult } from '../../../proxy/upstream/upstreams.ts';

export const OOS_CHECK: OosCheckConfig = { interval: 5000, recheck: 5000, timeout: 2000, inService: [] };
export const UP: PingResult = { answered: 200, rtt: 2 };
export const REFUSED: PingResult = { failed: 'ConnectionRefused' };

/** A pair; its addresses have its number in them. */
export function server(
  name: string,
  geoLocation = 'dc1',
  weight = 1,
  hosts = [`10.0.0.${name.slice(2)}1`, `10.0.0.${name.slice(2)}2`],
): ServerConfig {
  const roles = ['primary', 'backup'] as const;
  return {
    name,
    geoLocation,
    weight,
    members: hosts.map((host, i) => ({ role: roles[i] ?? 'backup', host, port: 5060, transport: 'UDP' })),
  };
}

/** What a proxy publishes: by pair, the member that it holds for active. */
export function record(
  proxy: string,
  geoLocation: string,
  at: number,
  actives: Record<string, MemberRole | 'none'>,
): HealthRecord {
  return {
    proxy,
    geoLocation,
    at,
    pairs: Object.entries(actives).map(([name, active]) => ({ name, active, since: 0, members: [] })),
  };
}

/** Upstreams as a proxy of dc1 has them; their members answer when a test says so. */
export class Rig {
  now = 1_000_000;
  readonly pinged: Member[] = [];
  readonly switches: string[] = [];
  readonly forgotten: string[] = [];
  changes = 0;
  names: Record<string, readonly string[] | undefined> = {};
  readonly upstreams: Upstreams;

  constructor(servers: readonly ServerConfig[], oosCheck = OOS_CHECK) {
    this.upstreams = new Upstreams({
      geoLocation: 'dc1',
      servers,
      oosCheck,
      log: pino({ level: 'silent' }),
      now: () => this.now,
      random: () => 0,
      ping: (member) => this.pinged.push(member),
      resolve: (host) => {
        const addresses = this.names[host];
        return addresses === undefined
          ? Promise.reject(new Error('ENOTFOUND'))
          : Promise.resolve(addresses.map((address) => ({ address })));
      },
      onSwitch: (pair, from, to) =>
        this.switches.push(`${pair.name}: ${from?.role ?? 'none'} -> ${to?.role ?? 'none'}`),
      onChange: () => this.changes++,
      forget: (member) => this.forgotten.push(`${member.pair.name} ${member.role}`),
    });
  }

  start(...peers: HealthRecord[]): this {
    this.upstreams.start(peers);
    return this;
  }

  /** Every ping sent so far is answered: in service where `up` holds, else refused. */
  answer(up: (member: Member) => boolean = (member) => member.role === 'primary'): this {
    for (const member of this.pinged.splice(0)) this.upstreams.pinged(member, up(member) ? UP : REFUSED);
    return this;
  }

  pass(ms: number): this {
    this.now += ms;
    this.upstreams.tick(this.now);
    return this;
  }

  member(pair: string, role: MemberRole): Member {
    const member = this.upstreams.pairNamed(pair)?.member(role);
    if (member === undefined) throw new Error(`no ${pair} ${role}`);
    return member;
  }

  active(pair: string): MemberRole | undefined {
    return this.upstreams.pairNamed(pair)?.active?.role;
  }

  /** What was asked since the last answer. */
  get asked(): string[] {
    return this.pinged.map((member) => `${member.pair.name} ${member.role}`);
  }
}
