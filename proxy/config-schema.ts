import { durationPattern } from './duration.ts';

const namePattern = '^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$';
/** A DNS name, or an IP address without brackets. */
const hostPattern = '^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$';
const endpointPattern = String.raw`^https?://([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?$`;

const name = (description: string) => ({ type: 'string', maxLength: 63, pattern: namePattern, description }) as const;
const host = (description: string) => ({ type: 'string', maxLength: 253, pattern: hostPattern, description }) as const;
const directory = (description: string) => ({ type: 'string', minLength: 1, description }) as const;
const port = (description: string) => ({ type: 'integer', minimum: 1, maximum: 65535, description }) as const;

function bounded(minimum: number, maximum: number, byDefault: number, description: string) {
  return { type: 'integer', minimum, maximum, default: byDefault, description } as const;
}

/** A duration with its bounds, `minimumDuration` and `maximumDuration`, which are keywords of our own. */
function duration(description: string, from: string, to: string, byDefault: string) {
  const range = { minimumDuration: from, maximumDuration: to, default: byDefault };
  return { type: 'string', maxLength: 28, pattern: durationPattern, ...range, description };
}

const trusted = {
  type: 'array',
  maxItems: 64,
  default: [],
  items: {
    type: 'object',
    description: 'Exactly one of cidr and certificateName.',
    properties: {
      cidr: { type: 'string', format: 'cidr', maxLength: 49, description: 'An IPv4 or IPv6 range, like 192.0.2.0/28.' },
      certificateName: host('A DNS name in the certificate that it shows over TLS.'),
    },
  },
};

const member = {
  type: 'object',
  required: ['role', 'host'],
  description: 'One SIP Server process.',
  properties: {
    role: { enum: ['primary', 'backup'], description: 'As configured; oos-check finds out which one is active.' },
    host: host('A DNS name or an IP address, IPv6 without brackets.'),
    port: { ...port('1 to 65535.'), default: 5060 },
    transport: { enum: ['UDP', 'TCP', 'TLS'], default: 'UDP', description: 'How it is reached.' },
    tls: {
      type: 'object',
      description: 'How its certificate is judged, and what is shown to it, with transport TLS.',
      properties: {
        name: host('The name that its certificate must have. Default: host.'),
        ca: directory('Directory with ca.crt. Default: the well-known authorities.'),
        client: directory('Directory with tls.crt and tls.key, which this proxy shows. Default: none shown.'),
      },
    },
  },
};

/** The schema of the proxy's configuration file: docs/proxy-config.md and config-file.ts are generated from it. */
export const configSchema = {
  type: 'object',
  description: "One proxy's configuration.",
  required: ['cluster', 'switch', 'dn', 'geoLocation', 'place', 'listeners', 'servers', 'stores'],
  properties: {
    namespace: { ...name("The SipCluster's namespace."), default: 'default' },
    cluster: { type: 'string', maxLength: 253, pattern: namePattern, description: "The SipCluster's name." },
    switch: name('The Cluster Switch.'),
    dn: name('The SIP Cluster DN.'),
    geoLocation: name('The data centre that the proxy runs in.'),
    place: {
      type: 'object',
      required: ['name', 'address'],
      description: 'What only the place knows in which the proxy runs; usually variables of the environment.',
      properties: {
        name: {
          type: 'string',
          maxLength: 253,
          pattern: namePattern,
          description: "The proxy's name, unique in its DN: ${POD_NAME}.",
        },
        address: {
          type: 'string',
          format: 'ip',
          description:
            'The numeric address that it binds: ${POD_IP}. ${POD_IPS}, several with commas between them: all of them, and each advertises the address of its family.',
        },
        advertise: {
          type: 'string',
          format: 'ip',
          description: 'The numeric address that others are told. Default: the one bound.',
        },
        internal: {
          type: 'string',
          format: 'ip',
          description: 'The same for SIP Servers and other proxies. Default: advertise.',
        },
        also: {
          type: 'array',
          maxItems: 7,
          description: 'More addresses that every listener binds, of the other family or of other networks.',
          items: {
            type: 'object',
            required: ['address'],
            properties: {
              address: { type: 'string', format: 'ip', description: 'The numeric address that it binds.' },
              advertise: {
                type: 'string',
                format: 'ip',
                description: 'The numeric address that others are told. Default: the one bound.',
              },
            },
          },
        },
      },
    },
    domains: {
      type: 'array',
      maxItems: 64,
      uniqueItems: true,
      default: [],
      description: 'Domains of the addresses of record served.',
      items: host('A domain name or an IP address.'),
    },
    fqdn: {
      type: 'object',
      default: {},
      description: 'Names of the proxies, for Record-Route.',
      properties: {
        srv: host('A name with SRV records of the proxies.'),
        a: host('A name with address records of the proxies.'),
      },
    },
    recordRoute: {
      enum: ['Srv', 'Address'],
      default: 'Srv',
      description: "Whether Record-Route names fqdn.srv, or fqdn.a or the proxy's address.",
    },
    listeners: {
      type: 'array',
      minItems: 1,
      maxItems: 8,
      description: 'The sockets it opens. Two may share a port only if exactly one is UDP.',
      items: {
        type: 'object',
        required: ['transport', 'port'],
        description: 'One socket.',
        properties: {
          transport: { enum: ['UDP', 'TCP', 'TLS', 'WS', 'WSS'], description: 'TLS and WSS need tls.' },
          port: port('1 to 65535.'),
          side: {
            enum: ['Both', 'Internal', 'External'],
            default: 'Both',
            description: 'Who uses it: on an External one nobody is taken for a SIP Server.',
          },
          advertise: {
            type: 'object',
            description: 'What others are told of it, where that is not place.advertise and the port.',
            properties: {
              address: {
                type: 'string',
                minLength: 1,
                maxLength: 45,
                description: 'A numeric address. Default: place.advertise.',
              },
              port: port('1 to 65535. Default: the port it listens on.'),
            },
          },
          tls: directory('Directory with tls.crt and tls.key, and ca.crt where clients show certificates.'),
          origins: {
            type: 'array',
            minItems: 1,
            maxItems: 16,
            description: 'WS and WSS: whose web pages may connect. Default: any.',
            items: {
              type: 'string',
              pattern: '^https?://[^/]+$',
              maxLength: 261,
              description: 'An origin, like https://phone.example.com.',
            },
          },
        },
      },
    },
    admin: {
      type: 'object',
      default: {},
      description: 'HTTP for probes, metrics and status, on the address bound.',
      properties: {
        port: { type: 'integer', minimum: 0, maximum: 65535, default: 9060, description: '0 to 65535; 0: a free one.' },
        token: {
          type: 'string',
          minLength: 1,
          description:
            'Directory with a file `token`: whoever asks for more than probes and metrics must show it. Absent: nobody has to.',
        },
      },
    },
    oosCheck: {
      type: 'object',
      default: {},
      description: 'How it finds out by OPTIONS which SIP Servers are in service.',
      properties: {
        interval: duration('Time between two pings of a member; 0s: no pings.', '0s', '300s', '5s'),
        recheck: duration('Time between two pings while no member of the pair is in service.', '1s', '32s', '5s'),
        timeout: duration('Time without an answer after which a member is down.', '10ms', '32s', '2s'),
        inService: {
          type: 'array',
          maxItems: 16,
          default: ['200-299'],
          description: 'Final status codes, or ranges of them, that mean in service; 2xx always do.',
          items: {
            type: 'string',
            pattern: '^[2-6][0-9]{2}(-[2-6][0-9]{2})?$',
            description: 'A status code from 200 to 699, or a range, like 200-299.',
          },
        },
      },
    },
    overload: {
      type: 'object',
      default: {},
      description: 'What it takes at most.',
      properties: {
        invitesPerSecond: {
          type: 'integer',
          minimum: 1,
          maximum: 100000,
          description: 'New calls a second. Default: no limit.',
        },
        registersPerSecond: {
          type: 'integer',
          minimum: 1,
          maximum: 100000,
          description: 'REGISTER requests a second. Default: no limit.',
        },
      },
    },
    limits: {
      type: 'object',
      default: {},
      description: 'What it takes of one message, of a sender of bad ones, and of connections.',
      properties: {
        messageBytes: bounded(4096, 262144, 65536, 'Bytes of a message; above, 513.'),
        headerFields: bounded(64, 1024, 256, 'Header fields of a message; above, 400.'),
        requestUri: bounded(256, 65536, 4096, 'Characters of a Request-URI; above, 414.'),
        maxBreadth: bounded(1, 60, 60, 'What Max-Breadth is lowered to (RFC 5393); 440 when it can not be divided.'),
        badMessagesPerSecond: bounded(
          1,
          100000,
          50,
          'Malformed or refused messages of one endpoint that are answered, after four times as many at first.',
        ),
        refusedRegistersPerSecond: bounded(
          1,
          100000,
          20,
          'REGISTER requests of one endpoint that may be refused by servers, after 50 times as many at first; above, 503.',
        ),
        connections: bounded(16, 1000000, 50000, 'Open stream connections; one more ends some that nothing needs.'),
        halfOpenConnections: bounded(
          16,
          1000000,
          1024,
          'Connections that have brought no whole message yet; one more ends the oldest.',
        ),
        idleTimeout: duration('After which a stream that nothing needs is closed.', '10s', '24h', '300s'),
      },
    },
    registration: {
      type: 'object',
      default: {},
      description: 'What contacts are kept, for how long, and how calls to them are forked.',
      properties: {
        maxContacts: {
          type: 'integer',
          minimum: 1,
          maximum: 100,
          default: 10,
          description: 'Contacts of one address of record.',
        },
        minExpires: duration('Shortest registration; one that asks for less is answered 423.', '1s', '1h', '60s'),
        maxExpires: duration('Longest registration; a longer grant is lowered to it.', '1s', '168h', '1h'),
        forking: {
          enum: ['Parallel', 'Sequential', 'Newest'],
          default: 'Parallel',
          description: 'Where a call to several contacts goes.',
        },
        natPing: duration('Time between keep-alives to UDP phones behind NAT; 0s: none.', '0s', '300s', '25s'),
      },
    },
    drain: {
      type: 'object',
      default: {},
      description: 'How it ends when told to.',
      properties: {
        dnsGrace: duration('Time in which it still takes new work.', '0s', '1h', '30s'),
        window: duration("Time over which idle phones' connections are closed.", '0s', '1h', '120s'),
        limit: duration('Time after which it ends in any case.', '1s', '24h', '3m'),
      },
    },
    remoteServers: {
      enum: ['Never', 'WhenNoLocal'],
      default: 'Never',
      description: 'Whether new work from a phone may go to a SIP Server of another data centre.',
    },
    trust: {
      type: 'object',
      default: {},
      description: 'Who, besides SIP Servers and proxies, is more than an endpoint.',
      properties: {
        sbcs: {
          ...trusted,
          description: 'Session border controllers and others whose requests are meant for SIP Servers.',
        },
        servers: { ...trusted, description: 'Further sources that count as a SIP Server.' },
      },
    },
    servers: {
      type: 'array',
      minItems: 1,
      maxItems: 128,
      description: 'The pairs of every data centre.',
      items: {
        type: 'object',
        required: ['name', 'geoLocation', 'members'],
        description: 'One pair, or a single SIP Server.',
        properties: {
          name: name("The pair's name, unique here."),
          geoLocation: name('The data centre that it serves.'),
          weight: {
            type: 'integer',
            minimum: 0,
            maximum: 1000,
            default: 1,
            description: 'Its share of new calls; 0: none.',
          },
          members: {
            type: 'array',
            minItems: 1,
            maxItems: 2,
            description: 'The primary and, where there is one, the backup.',
            items: member,
          },
        },
      },
    },
    proxiesIn: {
      type: 'array',
      minItems: 1,
      maxItems: 16,
      uniqueItems: true,
      description: 'The data centres that have proxies of this DN, its own among them. Default: its own.',
      items: name('A data centre.'),
    },
    stores: {
      type: 'array',
      minItems: 1,
      maxItems: 16,
      description: "The data centres' etcds, its own first.",
      items: {
        type: 'object',
        required: ['geoLocation'],
        description: 'Exactly one of endpoints and memory.',
        properties: {
          geoLocation: name('The data centre.'),
          endpoints: {
            type: 'array',
            minItems: 1,
            maxItems: 16,
            description: 'Client URLs, like https://etcd.dc1.example:2379.',
            items: { type: 'string', pattern: endpointPattern, maxLength: 512, description: 'An http or https URL.' },
          },
          memory: { type: 'boolean', enum: [true], description: 'Kept in this process only.' },
          tls: directory('Directory with ca.crt, and tls.crt and tls.key where etcd asks for them.'),
          auth: directory('Directory with username and password.'),
        },
      },
    },
    log: {
      type: 'object',
      default: {},
      description: 'What is logged.',
      properties: {
        level: {
          enum: ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
          default: 'info',
          description: 'debug logs every call and registration, trace every message.',
        },
      },
    },
  },
};
