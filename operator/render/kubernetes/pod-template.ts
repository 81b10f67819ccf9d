import type {
  V1Affinity,
  V1Container,
  V1ContainerPort,
  V1EnvVar,
  V1PodSecurityContext,
  V1PodSpec,
  V1PodTemplateSpec,
  V1Probe,
  V1SecurityContext,
  V1TopologySpreadConstraint,
  V1Volume,
} from '@kubernetes/client-node';
import { isRecord } from '../../kubernetes/object.ts';
import type { Shard } from '../../plan/shard.ts';
import { configFile } from './config-map.ts';
import { graceSeconds } from './drain.ts';
import { annotation, labels, selector, type Part } from './metadata.ts';
import type { Place } from './place.ts';
import { named, protocolOf } from './ports.ts';

const configDirectory = '/etc/sipcluster';
const secretsDirectory = '/var/run/secrets/sipcluster';
/** The image's user without rights. */
const user = 65532;

/** The pods of a shard: one container, one mounted directory of configuration, one a Secret. */
export function podTemplate(shard: Shard, part: Part, place: Place): V1PodTemplateSpec {
  const { template } = shard;
  return {
    metadata: {
      labels: { ...template.labels, ...labels(part, place) },
      annotations: { ...template.annotations, [annotation.restart]: shard.restartHash },
    },
    spec: podSpec(shard, part, place),
  };
}

function podSpec(shard: Shard, part: Part, place: Place): V1PodSpec {
  const { template } = shard;
  const onHost = shard.exposure.type === 'HostNetwork';
  return {
    serviceAccountName: part.name,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: graceSeconds(shard),
    ...(onHost && { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }),
    securityContext: podSecurity(shard),
    containers: [container(shard, place)],
    volumes: volumes(shard, part),
    affinity: affinity(shard, part),
    ...(template.nodeSelector && { nodeSelector: template.nodeSelector }),
    ...(template.tolerations && { tolerations: [...template.tolerations] }),
    ...(template.topologySpreadConstraints && { topologySpreadConstraints: spread(shard, part) }),
    ...(template.imagePullSecrets && { imagePullSecrets: [...template.imagePullSecrets] }),
    ...((template.priorityClassName ?? '') !== '' && { priorityClassName: template.priorityClassName ?? '' }),
  };
}

function container(shard: Shard, place: Place): V1Container {
  return {
    name: 'proxy',
    image: shard.image ?? place.image,
    args: ['proxy', '--config', `${configDirectory}/${configFile}`],
    env: environment(shard),
    ports: containerPorts(shard),
    ...(shard.template.resources && { resources: resources(shard.template.resources) }),
    securityContext: containerSecurity(shard),
    // What it said last is found in the pod's status, and from there in the SipCluster's.
    terminationMessagePolicy: 'FallbackToLogsOnError',
    // A start may take as long as a load of the whole store, which depends on it alone whether it is alive.
    startupProbe: probe('/livez', { periodSeconds: 1, failureThreshold: 60 }),
    livenessProbe: probe('/livez', { periodSeconds: 10, failureThreshold: 3 }),
    readinessProbe: probe('/readyz', { periodSeconds: 2, failureThreshold: 2 }),
    volumeMounts: [
      { name: 'config', mountPath: configDirectory, readOnly: true },
      ...shard.secrets.map((secret, index) => ({
        name: `secret-${index}`,
        mountPath: `${secretsDirectory}/${secret}`,
        readOnly: true,
      })),
    ],
  };
}

/** What the open places of the configuration are filled with. */
function environment(shard: Shard): V1EnvVar[] {
  const advertise = advertised(shard);
  return [
    fromField('POD_NAME', 'metadata.name'),
    fromField('POD_IP', 'status.podIP'),
    ...(isOfFamilies(shard) ? [fromField('POD_IPS', 'status.podIPs')] : []),
    { name: 'SECRETS', value: secretsDirectory },
    ...(advertise === undefined ? [] : [fromField('ADVERTISE', advertise)]),
  ];
}

/** The pod's field that says what it advertises, where its place decides that. */
function advertised({ exposure, advertiseFrom, config }: Shard): string | undefined {
  const ofNode = isOfFamilies({ exposure }) ? 'status.hostIPs' : 'status.hostIP';
  if (advertiseFrom === 'NodeInternalIP') return ofNode;
  // The operator, which may read nodes, writes it on the pod.
  if (advertiseFrom !== undefined) return `metadata.annotations['${annotation.address}']`;
  return exposure.type === 'NodePort' && config.place.advertise === '${ADVERTISE}' ? ofNode : undefined;
}

/** The manifest says of which address families it is: its proxies bind all addresses of their pods. */
function isOfFamilies({ exposure: { ipFamilies } }: Pick<Shard, 'exposure'>): boolean {
  return ipFamilies !== undefined;
}

/** With its defaulted fields: the API server takes fieldRef as one, and the operator compares what it applied. */
function fromField(name: string, fieldPath: string): V1EnvVar {
  return { name, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } };
}

function containerPorts(shard: Shard): V1ContainerPort[] {
  const host = shard.exposure.type === 'HostNetwork';
  const ports = [
    ...shard.listeners.map(({ transport, port }) => ({ transport, port })),
    { transport: 'admin' as const, port: shard.adminPort },
  ];
  return named(ports, ({ transport }) => transport.toLowerCase()).map(({ name, port, transport }) => ({
    name,
    containerPort: port,
    ...(host && { hostPort: port }),
    protocol: transport === 'admin' ? 'TCP' : protocolOf(transport),
  }));
}

type Resources = NonNullable<Shard['template']['resources']>;

function resources({ requests, limits }: Resources): {
  requests?: Record<string, string>;
  limits?: Record<string, string>;
} {
  const written = (list: Readonly<Record<string, number | string>>) =>
    Object.fromEntries(Object.entries(list).map(([name, quantity]) => [name, String(quantity)]));
  return { ...(requests && { requests: written(requests) }), ...(limits && { limits: written(limits) }) };
}

function probe(path: string, times: Pick<V1Probe, 'periodSeconds' | 'failureThreshold'>): V1Probe {
  return { httpGet: { path, port: 'admin' }, timeoutSeconds: 2, ...times };
}

/** A listener below 1024: a pod's own network lets anyone bind there; on the host's it takes a right, which only uid 0 is given. */
function privileged(shard: Shard): boolean {
  return shard.exposure.type === 'HostNetwork' && lowPort(shard);
}

function lowPort({ listeners }: Shard): boolean {
  return listeners.some(({ port }) => port < 1024);
}

function podSecurity(shard: Shard): V1PodSecurityContext {
  const root = privileged(shard);
  const sysctl = lowPort(shard) && !root;
  return {
    ...(root ? { runAsUser: 0 } : { runAsNonRoot: true, runAsUser: user }),
    fsGroup: user,
    seccompProfile: { type: 'RuntimeDefault' },
    ...(sysctl && { sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }] }),
  };
}

function containerSecurity(shard: Shard): V1SecurityContext {
  return {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'], ...(privileged(shard) && { add: ['NET_BIND_SERVICE'] }) },
  };
}

/** Whole directories, never subPath: only those follow a change. The Secret of another data centre's etcd may be missing. */
function volumes(shard: Shard, part: Part): V1Volume[] {
  const own = ownSecrets(shard);
  return [
    { name: 'config', configMap: { name: part.name, defaultMode: 0o444 } },
    ...shard.secrets.map((secret, index) => ({
      name: `secret-${index}`,
      secret: { secretName: secret, defaultMode: 0o440, ...(!own.has(secret) && { optional: true }) },
    })),
  ];
}

/** Secrets without which its proxies can't work: all but those of other data centres' stores. */
function ownSecrets({ config, secrets }: Shard): ReadonlySet<string> {
  const of = (paths: readonly (string | undefined)[]) =>
    paths.flatMap((path) => (path === undefined ? [] : path.slice(path.lastIndexOf('/') + 1)));
  const [, ...others] = config.stores;
  const remote = new Set(of(others.flatMap(({ tls, auth }) => [tls, auth])));
  const needed = of([
    ...config.listeners.map(({ tls }) => tls),
    ...config.servers.flatMap(({ members }) => members.flatMap(({ tls }) => [tls?.ca, tls?.client])),
    config.stores[0]?.tls,
    config.stores[0]?.auth,
  ]);
  return new Set([...secrets.filter((secret) => !remote.has(secret)), ...needed]);
}

/** The user's, and ours: proxies of a shard on different nodes, where they share the nodes' ports for certain. */
function affinity(shard: Shard, part: Part): V1Affinity {
  const given = shard.template.affinity ?? {};
  const anti = isRecord(given['podAntiAffinity']) ? given['podAntiAffinity'] : {};
  const term = { labelSelector: { matchLabels: selector(part) }, topologyKey: 'kubernetes.io/hostname' };
  const [name, ours] =
    shard.exposure.type === 'HostNetwork'
      ? ['requiredDuringSchedulingIgnoredDuringExecution', term]
      : ['preferredDuringSchedulingIgnoredDuringExecution', { weight: 100, podAffinityTerm: term }];
  const theirs: unknown = anti[name];
  return {
    ...given,
    podAntiAffinity: { ...anti, [name]: [...(Array.isArray(theirs) ? (theirs as unknown[]) : []), ours] },
  };
}

function spread(shard: Shard, part: Part): V1TopologySpreadConstraint[] {
  return (shard.template.topologySpreadConstraints ?? []).map(({ labelSelector, matchLabelKeys, ...constraint }) => ({
    ...constraint,
    ...(matchLabelKeys && { matchLabelKeys: [...matchLabelKeys] }),
    labelSelector: labelSelector ?? { matchLabels: selector(part) },
  }));
}
