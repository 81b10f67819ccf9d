import type { ProxyConfig, ServerConfig } from '../../proxy/config.ts';
import { CLUSTER_NAME, DOMAIN } from './names.ts';
import type { Host } from './network.ts';
import { PhoneModel } from './phone-model.ts';
import { ProxyModel } from './proxy-model.ts';
import { SbcModel } from './sbc-model.ts';
import { ServerPair } from './server-pair.ts';
import { EtcdModel } from './etcd-model.ts';
import type { World } from './world.ts';

const SBC = '198.51.100.5';

/** Builds the data centres, servers and phones that the seed asks for. */
export function populate(world: World): SbcModel {
  const { random, network, options } = world;
  // small clusters: what goes wrong in ten proxies goes wrong in three, and more of these are tried
  const centres = options.size?.dataCentres ?? random.pick([1, 1, 2, 2, 2, 3]);
  for (let dc = 1; dc <= centres; dc++) world.sites.push(`dc${dc}`);
  const servers: ServerConfig[] = [];
  world.sites.forEach((site, i) => {
    const dc = i + 1;
    world.etcds.push(new EtcdModel(site, network.add(`etcd-${site}`, `10.${dc}.9.1`, site), network));
    const pairs = centres === 1 ? random.int(1, 2) : random.chance(0.2) ? 2 : 1;
    for (let n = 1; n <= pairs; n++) {
      const name = `ss${dc}${n}`;
      const [primary, backup] = [`10.${dc}.${n}.11`, `10.${dc}.${n}.12`];
      const at = { primary: network.add(`${name}-p`, primary, site), backup: network.add(`${name}-b`, backup, site) };
      const pair = new ServerPair(world, name, site, at.primary, at.backup);
      world.pairs.push(pair);
      const { transport } = pair;
      servers.push({
        name,
        geoLocation: site,
        weight: 1,
        members: [
          { role: 'primary', host: primary, port: 5060, transport },
          { role: 'backup', host: backup, port: 5060, transport },
        ],
      });
    }
  });
  world.sites.forEach((site, i) => {
    const replicas = options.size?.proxies ?? (random.chance(0.2) ? 3 : 2);
    const advertise = random.chance(0.25) ? `198.51.100.${100 + i}` : undefined;
    const hosts: Host[] = [];
    for (let n = 1; n <= replicas; n++) {
      const name = `p${i + 1}${n}`;
      const address = `10.${i + 1}.0.${n}`;
      const host = network.add(name, address, site);
      hosts.push(host);
      const place = { name, address, ...(advertise === undefined ? {} : { advertise }) };
      world.proxies.push(new ProxyModel(world, host, configOf(world, place, site, servers)));
    }
    if (advertise !== undefined) network.share(advertise, hosts);
  });
  const phones = options.size?.phones ?? random.int(3, 6);
  for (let n = 1; n <= phones; n++) {
    const name = `u${n}`;
    // some users have two devices
    const user = random.chance(0.25) ? `u${random.int(1, n)}` : name;
    const transport = random.chance(0.5) ? 'UDP' : 'TCP';
    const plan = { user, transport, nated: random.chance(0.3), expires: random.int(60, 75) } as const;
    world.phones.push(new PhoneModel(world, network.add(name, `192.0.2.${n}`, 'edge'), plan));
  }
  return new SbcModel(world, network.add('sbc', SBC, 'edge'));
}

function configOf(
  world: World,
  place: ProxyConfig['place'],
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
    place,
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
