import type { ProxyConfig, ServerConfig } from '../../proxy/config.ts';
import { CLUSTER_NAME, DOMAIN } from './names.ts';
import { PhoneModel } from './phone-model.ts';
import { ProxyModel } from './proxy-model.ts';
import { SbcModel } from './sbc-model.ts';
import { ServerPair } from './server-pair.ts';
import { EtcdModel } from './etcd-model.ts';
import type { World } from './world.ts';

const SBC = '198.51.100.5';

/** Builds the data centres, servers and phones that the seed asks for. */
export function populate(world: World): SbcModel {
  const { random, network } = world;
  const centres = random.pick([1, 2, 2, 2, 3]);
  for (let dc = 1; dc <= centres; dc++) world.sites.push(`dc${dc}`);
  const servers: ServerConfig[] = [];
  world.sites.forEach((site, i) => {
    const dc = i + 1;
    world.etcds.push(new EtcdModel(site, network.add(`etcd-${site}`, `10.${dc}.9.1`, site), network));
    for (let n = 1; n <= random.int(1, 2); n++) {
      const name = `ss${dc}${n}`;
      const [primary, backup] = [`10.${dc}.${n}.11`, `10.${dc}.${n}.12`];
      const at = { primary: network.add(`${name}-p`, primary, site), backup: network.add(`${name}-b`, backup, site) };
      world.pairs.push(new ServerPair(world, name, site, at.primary, at.backup));
      servers.push({
        name,
        geoLocation: site,
        weight: 1,
        members: [
          { role: 'primary', host: primary, port: 5060, transport: 'UDP' },
          { role: 'backup', host: backup, port: 5060, transport: 'UDP' },
        ],
      });
    }
  });
  world.sites.forEach((site, i) => {
    const replicas = random.int(2, 3);
    for (let n = 1; n <= replicas; n++) {
      const name = `p${i + 1}${n}`;
      const address = `10.${i + 1}.0.${n}`;
      world.proxies.push(
        new ProxyModel(world, network.add(name, address, site), configOf(world, name, address, site, servers)),
      );
    }
  });
  const phones = random.int(5, 9);
  for (let n = 1; n <= phones; n++) {
    const name = `u${n}`;
    // some users have two devices
    const user = random.chance(0.25) ? `u${random.int(1, n)}` : name;
    const transport = random.chance(0.5) ? 'UDP' : 'TCP';
    const plan = { user, transport, nated: random.chance(0.3), expires: random.int(60, 150) } as const;
    world.phones.push(new PhoneModel(world, network.add(name, `192.0.2.${n}`, 'edge'), plan));
  }
  return new SbcModel(world, network.add('sbc', SBC, 'edge'));
}

function configOf(
  world: World,
  name: string,
  address: string,
  site: string,
  servers: readonly ServerConfig[],
): ProxyConfig {
  const stores = [site, ...world.sites.filter((other) => other !== site)];
  return {
    namespace: 'voice',
    cluster: 'cc',
    switch: 'sw',
    dn: 'dn',
    geoLocation: site,
    place: { name, address },
    domains: [DOMAIN],
    fqdn: { srv: CLUSTER_NAME },
    recordRoute: 'Srv',
    listeners: [
      { transport: 'UDP', port: 5060, side: 'Both' },
      { transport: 'TCP', port: 5060, side: 'Both' },
    ],
    admin: { port: 0 },
    oosCheck: world.oosCheck,
    overload: {},
    registration: { maxContacts: 10, minExpires: 60_000, maxExpires: 3600_000, forking: 'Parallel', natPing: 25_000 },
    drain: { dnsGrace: 0, window: 0, limit: 0 },
    remoteServers: 'WhenNoLocal',
    trust: { sbcs: [{ cidr: `${SBC}/32` }], servers: [] },
    servers,
    proxiesIn: world.sites,
    stores: stores.map((geoLocation) => ({ geoLocation, memory: true as const })),
    log: { level: 'silent' },
  };
}
