import { isRecord, type KubernetesObject } from './kubernetes/object.ts';

/**
 * Fields that this operator's CRD has and the cluster's lacks, as `spec.geoLocations[].name`. Changes of an API version
 * only add, so that none means that the cluster's is as new, or newer.
 */
export function missingFields(ours: KubernetesObject, live: KubernetesObject): string[] {
  const found: string[] = [];
  compare(schemaOf(ours), schemaOf(live), '', found);
  return found;
}

function schemaOf(crd: KubernetesObject): unknown {
  const spec = isRecord(crd['spec']) ? crd['spec'] : {};
  const versions: readonly unknown[] = Array.isArray(spec['versions']) ? spec['versions'] : [];
  const version = versions.find((candidate) => isRecord(candidate) && candidate['name'] === 'v1alpha1');
  const schema = isRecord(version) ? version['schema'] : undefined;
  return isRecord(schema) ? schema['openAPIV3Schema'] : undefined;
}

function compare(ours: unknown, live: unknown, path: string, found: string[]): void {
  if (!isRecord(ours)) return;
  const theirs = isRecord(live) ? live : {};
  if (isRecord(ours['properties'])) {
    const known = isRecord(theirs['properties']) ? theirs['properties'] : {};
    for (const [name, field] of Object.entries(ours['properties'])) {
      const at = path === '' ? name : `${path}.${name}`;
      if (known[name] === undefined) found.push(at);
      else compare(field, known[name], at, found);
    }
  }
  if (ours['items'] !== undefined) compare(ours['items'], theirs['items'], `${path}[]`, found);
}
