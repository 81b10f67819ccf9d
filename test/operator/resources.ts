import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { SipCluster } from '../../operator/sip-cluster.ts';
import { validateManifest } from '../../operator/validate.ts';
import type { Place } from '../../operator/render/kubernetes/place.ts';

/** A manifest of test/manifests with its text changed, defaults applied, with the uid of one that an API server keeps. */
export function resource(name: string, ...changes: readonly (readonly [string, string])[]): SipCluster {
  let text = readFileSync(new URL(`../manifests/${name}.yaml`, import.meta.url), 'utf8');
  for (const [from, to] of changes) {
    expect(text).to.contain(from);
    text = text.replaceAll(from, to);
  }
  const { resources, problems } = validateManifest(text, name);
  const [first] = resources;
  if (first === undefined)
    throw new Error(
      `${name}.yaml is not valid: ${problems.map(({ path, message }) => `${path}: ${message}`).join('; ')}`,
    );
  return {
    ...first,
    metadata: {
      ...first.metadata,
      namespace: first.metadata.namespace ?? 'default',
      uid: 'd0f3a6ba-0001',
      generation: 1,
    },
  };
}

export function placeOf({ metadata }: SipCluster): Place {
  return {
    namespace: metadata.namespace ?? 'default',
    owner: { name: metadata.name, uid: metadata.uid ?? '' },
    image: 'registry.example/sipcluster:test',
    etcdImage: 'registry.example/etcd:test',
  };
}
