import type { V1Container, V1EnvVar, V1StatefulSet, V1Volume } from '@kubernetes/client-node';
import type { ManagedEtcd } from '../../sip-cluster.ts';
import type { StorePlan } from '../../plan/store.ts';
import { bytesOf } from '../../kubernetes/quantity.ts';
import { annotation, labels, metadata, selector, type Part } from './metadata.ts';
import type { Place } from './place.ts';

const ports = { client: 2379, peer: 2380, metrics: 2381 } as const;
const dataDirectory = '/var/lib/etcd';
const tlsDirectory = '/var/run/secrets/etcd';
const user = 65532;
/** etcd's own advice for the greatest quota, bytes. */
const greatestQuota = 8 * 1024 ** 3;

/** The Secret with ca.crt, tls.crt and tls.key for clients, server and peers of a managed etcd. */
export function storeSecretName({ name, tlsSecretName }: Pick<StorePlan, 'name' | 'tlsSecretName'>): string {
  return tlsSecretName ?? `${name}-tls`;
}

/** A managed etcd: all its members start at once, since the first alone would wait for a quorum. */
export function statefulSet(store: StorePlan, run: ManagedEtcd, part: Part, place: Place): V1StatefulSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: metadata(part, place),
    spec: {
      replicas: run.replicas,
      serviceName: part.name,
      podManagementPolicy: 'Parallel',
      updateStrategy: { type: 'RollingUpdate' },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Retain' },
      selector: { matchLabels: selector(part) },
      template: {
        metadata: { labels: labels(part, place), annotations: { [annotation.clusterState]: 'new' } },
        spec: {
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: user,
            fsGroup: user,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          affinity: {
            podAntiAffinity: {
              preferredDuringSchedulingIgnoredDuringExecution: [
                {
                  weight: 100,
                  podAffinityTerm: {
                    labelSelector: { matchLabels: selector(part) },
                    topologyKey: 'kubernetes.io/hostname',
                  },
                },
              ],
            },
          },
          containers: [container(run, part, place)],
          volumes: [tlsVolume(store)],
        },
      },
      volumeClaimTemplates: [
        {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          metadata: { name: 'data', labels: selector(part) },
          spec: {
            accessModes: ['ReadWriteOnce'],
            ...(run.storageClassName !== undefined && { storageClassName: run.storageClassName }),
            resources: { requests: { storage: run.storage } },
          },
        },
      ],
    },
  };
}

function container(run: ManagedEtcd, part: Part, place: Place): V1Container {
  return {
    name: 'etcd',
    image: run.image ?? place.etcdImage,
    command: ['etcd'],
    args: args(run, part, place),
    env: [podName, clusterState],
    // What it said last tells whether its data is gone.
    terminationMessagePolicy: 'FallbackToLogsOnError',
    ports: Object.entries(ports).map(([name, containerPort]) => ({ name, containerPort, protocol: 'TCP' })),
    // Without a share of its own it starves on a busy node, and loses its leases with it.
    resources: { requests: { cpu: '100m', memory: '128Mi' } },
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
    startupProbe: { httpGet: { path: '/livez', port: 'metrics' }, periodSeconds: 2, failureThreshold: 60 },
    livenessProbe: {
      httpGet: { path: '/livez', port: 'metrics' },
      periodSeconds: 10,
      timeoutSeconds: 5,
      failureThreshold: 6,
    },
    readinessProbe: { httpGet: { path: '/readyz', port: 'metrics' }, periodSeconds: 5, timeoutSeconds: 5 },
    volumeMounts: [
      { name: 'data', mountPath: dataDirectory },
      { name: 'tls', mountPath: tlsDirectory, readOnly: true },
    ],
  };
}

const podName: V1EnvVar = {
  name: 'POD_NAME',
  valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } },
};

/** Looked at only by a member without data. */
const clusterState: V1EnvVar = {
  name: 'CLUSTER_STATE',
  valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: `metadata.annotations['${annotation.clusterState}']` } },
};

/** Where the other members reach that of a pod. */
export function peerUrl(pod: string, store: string, namespace: string): string {
  return `https://${hostOf(pod, store, namespace)}:${ports.peer}`;
}

function hostOf(pod: string, store: string, namespace: string): string {
  return `${pod}.${store}.${namespace}.svc`;
}

/** A rewrite of a binding is some 450 bytes of history, so that history is dropped every five minutes and has room until then. */
function args(run: ManagedEtcd, part: Part, place: Place): string[] {
  const peer = (pod: string): string => peerUrl(pod, part.name, place.namespace);
  const members = Array.from({ length: run.replicas }, (_, ordinal) => `${part.name}-${ordinal}`);
  const own = '$(POD_NAME)';
  const files = (prefix: string) => [
    `--${prefix}trusted-ca-file=${tlsDirectory}/ca.crt`,
    `--${prefix}cert-file=${tlsDirectory}/tls.crt`,
    `--${prefix}key-file=${tlsDirectory}/tls.key`,
    `--${prefix}client-cert-auth=true`,
  ];
  return [
    '--name=$(POD_NAME)',
    `--data-dir=${dataDirectory}/data`,
    `--listen-client-urls=https://0.0.0.0:${ports.client}`,
    `--advertise-client-urls=https://${hostOf(own, part.name, place.namespace)}:${ports.client}`,
    `--listen-peer-urls=https://0.0.0.0:${ports.peer}`,
    `--initial-advertise-peer-urls=${peer(own)}`,
    `--initial-cluster=${members.map((member) => `${member}=${peer(member)}`).join(',')}`,
    '--initial-cluster-state=$(CLUSTER_STATE)',
    `--initial-cluster-token=${place.namespace}/${part.name}`,
    `--listen-metrics-urls=http://0.0.0.0:${ports.metrics}`,
    '--auto-compaction-mode=periodic',
    '--auto-compaction-retention=5m',
    `--quota-backend-bytes=${quota(run.storage)}`,
    ...files(''),
    ...files('peer-'),
  ];
}

/** Three quarters of the volume: the rest is for the log and for defragmentation. */
function quota(storage: string): number {
  return Math.min(Math.floor((bytesOf(storage) * 3) / 4), greatestQuota);
}

function tlsVolume(store: StorePlan): V1Volume {
  return { name: 'tls', secret: { secretName: storeSecretName(store), defaultMode: 0o440 } };
}
