import { stringify } from 'yaml';
import { network, nodeName } from './network.ts';

/** Where a node's files are. */
export interface Places {
  readonly folder: string;
  /** Its control group, of which the kubelet makes the pods'. */
  readonly controlGroup: string;
  readonly runtimeSocket: string;
}

/** The pause container that holds each pod's namespaces: it is imported before any pod starts. */
export const pauseImage = 'localhost/pause:1';

export function containerdToml({ folder, runtimeSocket }: Places, plugins: string): string {
  return `version = 2
root = "${folder}/containerd/root"
state = "${folder}/containerd/state"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
address = "${runtimeSocket}"
[plugins."io.containerd.internal.v1.opt"]
path = "${folder}/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${pauseImage}"
restrict_oom_score_adj = true # lowering a score takes a right that a container may not have
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "${plugins}"
conf_dir = "${folder}/cni"
`;
}

/** A bridge for the pods, which reach each other, the node and, by its address, what is outside. */
export function podNetwork({ folder }: Places): string {
  const ranges = [[{ subnet: network.pods }]];
  const ipam = { type: 'host-local', dataDir: `${folder}/ipam`, ranges, routes: [{ dst: '0.0.0.0/0' }] };
  const bridge = { type: 'bridge', bridge: 'pods', isGateway: true, ipMasq: true, hairpinMode: true, ipam };
  const hostPorts = { type: 'portmap', capabilities: { portMappings: true } };
  return JSON.stringify({ cniVersion: '0.4.0', name: 'pods', plugins: [bridge, hostPorts] });
}

export function kubeletConfiguration({ folder, controlGroup, runtimeSocket }: Places): string {
  return stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: network.node,
    containerRuntimeEndpoint: `unix://${runtimeSocket}`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${controlGroup}`,
    failCgroupV1: false,
    failSwapOn: false,
    oomScoreAdj: 0,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: false },
      x509: { clientCAFile: `${folder}/ca.crt` },
    },
    authorization: { mode: 'AlwaysAllow' },
    clusterDNS: [network.node],
    clusterDomain: 'cluster.local',
    resolvConf: `${folder}/resolv.conf`,
    podLogsDir: `${folder}/pod-logs`,
    volumePluginDir: `${folder}/volume-plugins`,
    // A machine with little room left is no reason to end pods.
    evictionHard: {
      'memory.available': '0%',
      'nodefs.available': '0%',
      'nodefs.inodesFree': '0%',
      'imagefs.available': '0%',
      'imagefs.inodesFree': '0%',
    },
    imageGCHighThresholdPercent: 100,
    localStorageCapacityIsolation: false,
  });
}

export function kubeProxyConfiguration({ folder }: Places): string {
  return stringify({
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: `${folder}/kube-proxy.kubeconfig` },
    mode: 'iptables',
    hostnameOverride: nodeName,
    clusterCIDR: network.pods,
    bindAddress: network.node,
    oomScoreAdj: 0,
    // The table's size is the machine's.
    conntrack: { maxPerCore: 0 },
  });
}

/** Names outside the cluster do not exist: nothing is asked elsewhere. */
export function corefile({ folder }: Places): string {
  return `cluster.local in-addr.arpa {
  bind ${network.node}
  errors
  ready 127.0.0.1:8181
  kubernetes cluster.local in-addr.arpa {
    kubeconfig ${folder}/coredns.kubeconfig
    pods insecure
  }
  loadbalance
}
. {
  bind ${network.node}
  template ANY ANY . {
    rcode NXDOMAIN
  }
}
`;
}

/** What DNS reads to know the names of Services and pods. */
export const rightsOfDns = [
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'coredns' },
    rules: [
      { apiGroups: [''], resources: ['endpoints', 'services', 'pods', 'namespaces'], verbs: ['list', 'watch'] },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
    ],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'coredns' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'coredns' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'coredns' }],
  },
];
