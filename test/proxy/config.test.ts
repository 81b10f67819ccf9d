import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { ConfigError, configHash, loadProxyConfig } from '../../proxy/config.ts';
import { DEFAULT_LIMITS } from '../../proxy/limits.ts';

const env = { POD_NAME: 'proxy-1', POD_IP: '127.0.10.1', SECRETS: '/secrets' };

const least = {
  namespace: 'voice',
  cluster: 'contact-center',
  switch: 'main',
  dn: 'agents',
  geoLocation: 'dc1',
  place: { name: '${POD_NAME}', address: '${POD_IP}' },
  listeners: [{ transport: 'UDP', port: 5060 }],
  servers: [
    {
      name: 'ss1',
      geoLocation: 'dc1',
      members: [{ role: 'primary', host: '10.0.1.11', port: 5060, transport: 'UDP' }],
    },
  ],
  proxiesIn: ['dc1'],
  stores: [{ geoLocation: 'dc1', endpoints: ['http://127.0.0.1:2379'] }],
};

const load = (changes: object, variables: Record<string, string> = env) =>
  loadProxyConfig(stringify({ ...least, ...changes }), variables);

const listeners = (...transports: string[]) => ({
  listeners: transports.map((transport) => ({ transport, port: 5060 })),
});
const server = (...members: object[]) => ({ name: 'ss1', geoLocation: 'dc1', members });

/** `path: message` of everything that is wrong. */
function refused(text: string, variables: Record<string, string> = env): string[] {
  try {
    loadProxyConfig(text, variables);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
  throw new Error('the configuration was taken');
}

const refusedWith = (changes: object): string[] => refused(stringify({ ...least, ...changes }));

describe("the proxy's configuration", () => {
  it('fills in its place from the environment', () => {
    expect(load({}).config.place).to.deep.equal({ name: 'proxy-1', address: '127.0.10.1' });
  });

  it('takes all addresses of a dual-stack pod, each with what is advertised in its family', () => {
    const written = { name: 'p', address: '${POD_IPS}', advertise: '2001:db8::7,203.0.113.7' };
    const { place } = load({ place: written }, { POD_IPS: '10.2.0.7,fd00::7' }).config;
    expect(place).to.include({ address: '10.2.0.7', advertise: '203.0.113.7' });
    expect(place.also).to.deep.equal([{ address: 'fd00::7', advertise: '2001:db8::7' }]);
  });

  it('names the address of several that is none', () => {
    expect(refusedWith({ place: { name: 'p', address: '10.2.0.7,nonsense' } }).join()).to.contain(
      'place.also[0].address',
    );
  });

  it('has a default for whatever is left out', () => {
    const { config } = load({});
    expect(config.oosCheck).to.deep.equal({ interval: 5000, recheck: 5000, timeout: 2000, inService: [[200, 299]] });
    expect(config.registration).to.deep.equal({
      maxContacts: 10,
      minExpires: 60_000,
      maxExpires: 3_600_000,
      forking: 'Parallel',
      natPing: 25_000,
    });
    expect(config.drain).to.deep.equal({ dnsGrace: 30_000, window: 120_000, limit: 180_000 });
    expect(config.overload).to.deep.equal({});
    expect(config.limits).to.deep.equal(DEFAULT_LIMITS);
    expect(config.fqdn).to.deep.equal({});
    expect(config.trust).to.deep.equal({ sbcs: [], servers: [] });
    expect(config.listeners).to.deep.equal([{ transport: 'UDP', port: 5060, side: 'Both' }]);
    expect(config.servers[0]?.weight).to.equal(1);
    expect([config.remoteServers, config.recordRoute, config.admin.port]).to.deep.equal(['Never', 'Srv', 9060]);
  });

  it('refuses a limit that nobody could mean', () => {
    expect(
      refusedWith({ limits: { messageBytes: 10, maxBreadth: 61 } }).map((problem) => problem.split(':')[0]),
    ).to.deep.equal(['limits.messageBytes', 'limits.maxBreadth']);
  });

  it('reads durations in milliseconds and status codes as ranges', () => {
    const { oosCheck } = load({
      oosCheck: { interval: '1m30s', timeout: '500ms', inService: ['200-299', '486'] },
    }).config;
    expect([oosCheck.interval, oosCheck.timeout]).to.deep.equal([90_000, 500]);
    expect(oosCheck.inService).to.deep.equal([
      [200, 299],
      [486, 486],
    ]);
  });

  it('takes a range of status codes that is written backwards', () => {
    expect(load({ oosCheck: { inService: ['299-200'] } }).config.oosCheck.inService).to.deep.equal([[200, 299]]);
  });

  it('compares domains in lower case', () => {
    expect(load({ domains: ['SIP.Example.com'] }).config.domains).to.deep.equal(['sip.example.com']);
  });

  it('reads JSON as well', () => {
    expect(loadProxyConfig(JSON.stringify(least), env).config.cluster).to.equal('contact-center');
  });

  it('names a variable that is not set, and the field that wants it', () => {
    expect(refused(stringify(least), { POD_NAME: 'proxy-1' })).to.deep.equal([
      "place.address: the environment variable POD_IP is not set, which '${POD_IP}' takes its value from",
    ]);
  });

  it('names a variable that is empty', () => {
    expect(refused(stringify(least), { ...env, POD_NAME: '' })[0]).to.contain('variable POD_NAME is empty');
  });

  it('judges what was filled in', () => {
    expect(refused(stringify(least), { ...env, POD_IP: 'localhost' })[0]).to.contain(
      "place.address: 'localhost' can't be read",
    );
  });

  it('reports everything at once', () => {
    const problems = refusedWith({
      listners: [],
      cluster: undefined,
      listeners: [{ transport: 'SCTP', port: 70_000 }],
      oosCheck: { interval: '301s', recheck: 'soon' },
      proxiesIn: ['dc2'],
    });
    expect(problems).to.have.members([
      "listners: is not a field here; did you mean 'listeners'?",
      "cluster: is missing: The SipCluster's name.",
      "listeners[0].transport: must be one of UDP, TCP, TLS, WS, WSS, but is 'SCTP'",
      'listeners[0].port: must be at most 65535, but is 70000: 1 to 65535.',
      "oosCheck.interval: must be at most 300s, but is '301s'",
      "oosCheck.recheck: 'soon' is not a duration: write a number and h, m, s or ms, like 5s, 1m30s or 500ms",
      "proxiesIn: must hold this proxy's own geo-location, 'dc1'",
    ]);
  });

  it('prints a line for every problem', () => {
    const problem = { path: 'a.b', value: 1, message: 'must be 2' };
    expect(new ConfigError([problem, { ...problem, path: '' }]).message).to.equal('a.b: must be 2\nmust be 2');
  });

  it('wants its own store first', () => {
    const stores = ['dc2', 'dc1'].map((geoLocation) => ({ geoLocation, memory: true }));
    expect(refusedWith({ stores })[0]).to.equal(
      "stores[0].geoLocation: must be this proxy's own, 'dc1': the store it writes to comes first",
    );
  });

  it('wants one store a geo-location, with endpoints or in memory', () => {
    const problems = refusedWith({
      stores: [{ geoLocation: 'dc1' }, { geoLocation: 'dc1', memory: true, endpoints: ['http://127.0.0.1:1'] }],
    });
    expect(problems.map((problem) => problem.split(':', 1)[0])).to.deep.equal([
      'stores[1].geoLocation',
      'stores[0]',
      'stores[1]',
    ]);
  });

  it('refuses an endpoint that is no URL', () => {
    expect(refusedWith({ stores: [{ geoLocation: 'dc1', endpoints: ['127.0.0.1:2379'] }] })[0]).to.contain(
      'stores[0].endpoints[0]',
    );
  });

  it('lets UDP and one stream transport share a port, and no others', () => {
    expect(load(listeners('UDP', 'TCP')).config.listeners).to.have.length(2);
    expect(refusedWith(listeners('UDP', 'TCP', 'WS'))[0]).to.match(
      /^listeners\[2\]\.port: 5060 is listeners\[1\]'s already/,
    );
    expect(refusedWith(listeners('UDP', 'UDP'))[0]).to.match(/^listeners\[1\]\.port: 5060 is listeners\[0\]'s already/);
  });

  it('keeps the admin port for itself', () => {
    expect(refusedWith({ listeners: [{ transport: 'TCP', port: 9060 }] })[0]).to.contain('9060 is admin.port already');
    expect(load({ listeners: [{ transport: 'UDP', port: 9060 }] }).config.admin.port).to.equal(9060);
  });

  it('wants a directory for TLS and WSS', () => {
    expect(refusedWith({ listeners: [{ transport: 'WSS', port: 443 }] })[0]).to.contain(
      'listeners[0].tls: is missing: WSS needs',
    );
    expect(
      load({ listeners: [{ transport: 'TLS', port: 5061, tls: '${SECRETS}/sip-tls' }] }).config.listeners[0]?.tls,
    ).to.equal('/secrets/sip-tls');
  });

  it('wants unique names of servers, the primary first, and two different members', () => {
    const primary = { role: 'primary', host: '10.0.0.1', port: 5060, transport: 'UDP' };
    const problems = refusedWith({ servers: [server({ ...primary, role: 'backup' }), server(primary, primary)] });
    expect(problems).to.deep.equal([
      "servers[1].name: 'ss1' is servers[0]'s name already: names are unique",
      'servers[0].members[0].role: must be primary: it comes first',
      'servers[1].members[1].role: must be backup: the primary comes first',
      'servers[1].members[1]: is the same host and port as members[0]',
    ]);
  });

  for (const cidr of [
    '10.0.0.0/33',
    '10.0.0.0',
    '10.0.0/8',
    '::/129',
    'example.com/8',
    '10.0.0.0/8/8',
    '/8',
    '10.0.0.0/',
  ]) {
    it(`refuses ${cidr} for a range`, () => {
      expect(refusedWith({ trust: { sbcs: [{ cidr }] } })[0]).to.contain(`trust.sbcs[0].cidr: '${cidr}' can't be read`);
    });
  }

  it('wants exactly one of range and certificate', () => {
    const problems = refusedWith({ trust: { sbcs: [{}], servers: [{ cidr: '::/0', certificateName: 'a' }] } });
    expect(problems).to.deep.equal([
      'trust.sbcs[0]: must have exactly one of cidr and certificateName',
      'trust.servers[0]: must have exactly one of cidr and certificateName',
    ]);
  });

  for (const [what, text, problem] of [
    ['text that is no YAML', 'a: [', /flow sequence/i],
    ['a list', '[]', /must be an object, but is a list of 0 items/],
    ['nothing', '', /must be an object, but is null/],
  ] as const) {
    it(`refuses ${what}`, () => expect(refused(text).join()).to.match(problem));
  }

  it('answers any value of any field with a ConfigError or a configuration', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(least), 'oosCheck', 'trust', 'log', 'admin'),
        fc.jsonValue(),
        (field, value) => {
          try {
            load({ [field]: value });
          } catch (error) {
            expect(error).to.be.instanceOf(ConfigError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('the example in docs/proxy-config.md', () => {
  it('is a configuration', () => {
    const docs = readFileSync('docs/proxy-config.md', 'utf8');
    const [, example = ''] = /```yaml\n([^]*?)```/.exec(docs) ?? [];
    const { config } = loadProxyConfig(example, {});
    expect([config.namespace, config.proxiesIn, config.servers[0]?.members[1]?.transport]).to.deep.equal([
      'default',
      ['dc1'],
      'UDP',
    ]);
  });
});

describe('the hash of a configuration', () => {
  it('is of what was written, not of what was filled in', () => {
    expect(load({}).hash).to.equal(load({}, { ...env, POD_NAME: 'proxy-2' }).hash);
    expect(load({}).hash).to.equal(configHash(least));
  });

  it('does not depend on the order of fields, nor on YAML or JSON', () => {
    const reversed = Object.fromEntries(Object.entries(least).toReversed());
    expect(loadProxyConfig(JSON.stringify(reversed), env).hash).to.equal(load({}).hash);
  });

  it('changes with any value', () => {
    expect(load({ domains: ['a'] }).hash).not.to.equal(load({ domains: ['b'] }).hash);
  });
});
