import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { stringify } from 'yaml';
import type { Facts } from '../../../operator/plan/facts.ts';
import { plan } from '../../../operator/plan/plan.ts';
import type { Shard } from '../../../operator/plan/shard.ts';
import type { SipCluster } from '../../../operator/sip-cluster.ts';
import { validateManifest } from '../../../operator/validate.ts';
import { loadProxyConfig } from '../../../proxy/config.ts';

/** A manifest of test/manifests with its text changed, defaults applied. */
function resource(name: string, ...changes: readonly [string, string][]): SipCluster {
  let text = readFileSync(new URL(`../../manifests/${name}.yaml`, import.meta.url), 'utf8');
  for (const [from, to] of changes) {
    expect(text).to.contain(from);
    text = text.replaceAll(from, to);
  }
  const [first] = validateManifest(text, name).resources;
  if (first === undefined) throw new Error(`${name}.yaml is not valid`);
  return first;
}

function firstShard(planned: SipCluster, facts: Facts = {}): Shard {
  const [shard] = plan(planned, facts).shards;
  if (shard === undefined) throw new Error('no shard');
  return shard;
}

const golden: readonly [string, string, Facts][] = [
  ['minimal', 'minimal', {}],
  ['design', 'design', {}],
  ['design-dc2-only', 'design', { geoLocations: ['dc2'], image: 'registry.example/sipcluster:9' }],
  [
    'demo-processes',
    'demo',
    { reachedDirectly: true, storeEndpoints: { dc1: ['http://127.0.0.1:2379'], dc2: ['http://127.0.0.1:2479'] } },
  ],
  ['demo-memory', 'demo', { reachedDirectly: true, memoryStores: true }],
];

describe('plan', () => {
  for (const [file, manifest, facts] of golden) {
    it(`is what golden/${file}.yaml says`, () => {
      const url = new URL(`golden/${file}.yaml`, import.meta.url);
      const text = stringify(plan(resource(manifest), facts), {
        lineWidth: 120,
        aliasDuplicateObjects: false,
        singleQuote: true,
      });
      if (process.env['UPDATE_GOLDEN'] !== undefined) writeFileSync(url, text);
      expect(text).to.equal(readFileSync(url, 'utf8'));
    });
  }

  it('gives every proxy a configuration that it takes, of the hash that the plan names', () => {
    const env = { POD_NAME: 'p-0', POD_IP: '127.0.10.1', ADVERTISE: '198.51.100.7', SECRETS: '/secrets' };
    for (const [, manifest, facts] of golden) {
      for (const shard of plan(resource(manifest), facts).shards) {
        const { config, hash } = loadProxyConfig(JSON.stringify(shard.config), env);
        expect(hash).to.equal(shard.configHash);
        expect(config.stores[0]?.geoLocation).to.equal(shard.geoLocation);
      }
    }
  });

  const live: readonly [string, [string, string]][] = [
    ['a weight', ['weight: 1', 'weight: 5']],
    ['a server', ['10.0.1.11', '10.0.1.12']],
    ['the oos-check', ['interval: 5s', 'interval: 9s']],
    ['the overload limit', ['invitesPerSecond: 200', 'invitesPerSecond: 100']],
    ['a domain', ['[sip.example.com]', '[sip.example.com, example.com]']],
    ['who is trusted', ['192.0.2.0/28', '192.0.2.0/29']],
    ['what is registered', ['maxContacts: 10', 'maxContacts: 5']],
    ['remote servers', ['remoteServers: Never', 'remoteServers: WhenNoLocal']],
  ];
  for (const [what, change] of live) {
    it(`lets proxies take ${what} live`, () => {
      const [before, after] = [firstShard(resource('design')), firstShard(resource('design', change))];
      expect(after.configHash).not.to.equal(before.configHash);
      expect(after.restartHash).to.equal(before.restartHash);
    });
  }

  const restarts: readonly [string, [string, string]][] = [
    ['a listener', ['port: 8443', 'port: 9443']],
    ['the image', ['sipcluster:1.2.3', 'sipcluster:1.2.4']],
    ['a store', ['etcd.dc2.example', 'etcd2.dc2.example']],
    ["a store's Secret", ['authSecretName: etcd-dc1-user', 'authSecretName: etcd-dc1-other']],
    ["a server's Secret", ['caSecretName: ss-ca', 'caSecretName: ss-ca-2']],
    ['what is advertised', ['{ from: NodeExternalIP }', '{ address: 198.51.100.7 }']],
    ["the drain's limit", ['limit: 3m', 'limit: 4m']],
  ];
  for (const [what, change] of restarts) {
    it(`restarts proxies for ${what}`, () => {
      const facts: Facts = { geoLocations: ['dc1'] };
      expect(firstShard(resource('design', change), facts).restartHash).not.to.equal(
        firstShard(resource('design'), facts).restartHash,
      );
    });
  }

  it("restarts nothing for pod settings or replicas: those are the renderer's", () => {
    const [before, after] = [
      firstShard(resource('design')),
      firstShard(resource('design', ['replicas: 2', 'replicas: 4'], ['cpu: 500m', 'cpu: 700m'])),
    ];
    expect([after.configHash, after.restartHash]).to.deep.equal([before.configHash, before.restartHash]);
  });

  it('is the same for the same', () => {
    expect(plan(resource('design'))).to.deep.equal(plan(resource('design')));
  });

  it('makes only the geo-locations that it covers, but reaches every store', () => {
    const { shards, stores } = plan(resource('design'), { geoLocations: ['dc2'] });
    expect(shards.map((shard) => shard.geoLocation)).to.deep.equal(['dc2']);
    expect(stores.map((store) => [store.geoLocation, store.run !== undefined])).to.deep.equal([
      ['dc1', false],
      ['dc2', true],
    ]);
  });

  it('reaches a managed etcd by its name where it runs, and as the manifest says from elsewhere', () => {
    const there = plan(resource('design'), { geoLocations: ['dc2'] }).stores[1];
    const elsewhere = plan(resource('design'), { geoLocations: ['dc1'] }).stores[1];
    expect(there?.endpoints).to.deep.equal(['https://contact-center-etcd-dc2:2379']);
    expect(elsewhere?.endpoints).to.deep.equal(['https://etcd.dc2.example:2379']);
  });

  it('puts the own store first and leaves out those of data centres without proxies', () => {
    const [dc1, dc2] = plan(resource('demo')).shards;
    expect(dc1?.config.stores.map((store) => store.geoLocation)).to.deep.equal(['dc1', 'dc2']);
    expect(dc2?.config.stores.map((store) => store.geoLocation)).to.deep.equal(['dc2', 'dc1']);
    const alone = firstShard(resource('minimal', ['    - name: dc1\n', '    - name: dc1\n    - name: dc2\n']));
    expect(alone.config.stores.map((store) => store.geoLocation)).to.deep.equal(['dc1']);
  });

  it('uses no Secrets for an etcd that it was told to reach without TLS', () => {
    const storeEndpoints = { dc1: ['http://127.0.0.1:2379'] };
    const shard = firstShard(resource('design'), { storeEndpoints });
    expect(shard.config.stores[0]).to.deep.equal({ geoLocation: 'dc1', endpoints: storeEndpoints.dc1 });
    expect(shard.secrets).not.to.include.members(['etcd-dc1', 'etcd-dc1-user']);
  });

  it("leaves a load balancer's address open until it is known", () => {
    const planned = resource('minimal', [
      '- geoLocation: dc1',
      '- geoLocation: dc1\n              exposure: { type: LoadBalancer }',
    ]);
    const shard = firstShard(planned);
    expect(shard.config.place.advertise).to.equal('${ADVERTISE}');
    const known = firstShard(planned, {
      exposed: {
        [shard.name]: (['UDP', 'TCP'] as const).map((protocol) => ({
          protocol,
          port: 5060,
          addresses: ['198.51.100.7'],
        })),
      },
    });
    expect(known.config.place.advertise).to.equal('198.51.100.7');
  });

  it('takes the next admin port where a listener has it', () => {
    const change: [string, string] = [
      '- geoLocation: dc1',
      '- geoLocation: dc1\n              listeners: [{ transport: TCP, port: 9060 }]',
    ];
    expect(firstShard(resource('minimal', change)).adminPort).to.equal(9061);
  });

  it('gives ports by transport', () => {
    const transports = ['UDP', 'TLS', 'WS', 'WSS'].map((transport) => `{ transport: ${transport}, tlsSecretName: a }`);
    const change: [string, string] = [
      '- geoLocation: dc1',
      `- geoLocation: dc1\n              listeners: [${transports.join(', ')}]`,
    ];
    expect(firstShard(resource('minimal', change)).listeners.map(({ port }) => port)).to.deep.equal([
      5060, 5061, 80, 443,
    ]);
  });
});
