/** How a kind is called in the API's paths. */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

function resource(apiVersion: string, kind: string, plural: string, namespaced = true): Resource {
  return { apiVersion, kind, plural, namespaced };
}

/** Every kind that the operator reads or writes: charts/sipcluster grants rights to these, and no others. */
export const resources = {
  SipCluster: resource('sipcluster.io/v1alpha1', 'SipCluster', 'sipclusters'),
  ServiceAccount: resource('v1', 'ServiceAccount', 'serviceaccounts'),
  ConfigMap: resource('v1', 'ConfigMap', 'configmaps'),
  Service: resource('v1', 'Service', 'services'),
  PodDisruptionBudget: resource('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  NetworkPolicy: resource('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies'),
  DNSEndpoint: resource('externaldns.k8s.io/v1alpha1', 'DNSEndpoint', 'dnsendpoints'),
  Deployment: resource('apps/v1', 'Deployment', 'deployments'),
  StatefulSet: resource('apps/v1', 'StatefulSet', 'statefulsets'),
  Pod: resource('v1', 'Pod', 'pods'),
  Secret: resource('v1', 'Secret', 'secrets'),
  Namespace: resource('v1', 'Namespace', 'namespaces', false),
  Node: resource('v1', 'Node', 'nodes', false),
  Event: resource('events.k8s.io/v1', 'Event', 'events'),
  Lease: resource('coordination.k8s.io/v1', 'Lease', 'leases'),
  CustomResourceDefinition: resource(
    'apiextensions.k8s.io/v1',
    'CustomResourceDefinition',
    'customresourcedefinitions',
    false,
  ),
} as const satisfies Readonly<Record<string, Resource>>;

/** The path of a kind, in one namespace or in all, or of one object. */
export function pathOf({ apiVersion, plural }: Resource, namespace: string | undefined, name?: string): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const within = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}${within}/${plural}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;
}

/** The resource of an object's kind; throws RangeError for one that the operator has nothing to do with. */
export function resourceOf({ kind }: { readonly kind: string }): Resource {
  const found = Object.values(resources).find((candidate) => candidate.kind === kind);
  if (found === undefined) throw new RangeError(`the operator knows no kind ${kind}`);
  return found;
}
