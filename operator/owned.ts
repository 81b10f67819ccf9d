import type { KubernetesObject } from './kubernetes/object.ts';
import { label } from './render/kubernetes/metadata.ts';

/** Every object with our label, as the watches have it, by the SipCluster that it belongs to. */
export class Owned {
  readonly #clusters = new Map<string, Map<string, KubernetesObject>>();

  put(object: KubernetesObject): void {
    const group = groupOf(object);
    const objects = this.#clusters.get(group) ?? new Map<string, KubernetesObject>();
    objects.set(nameOf(object.kind, object.metadata.name), object);
    this.#clusters.set(group, objects);
  }

  remove(object: KubernetesObject): void {
    this.#clusters.get(groupOf(object))?.delete(nameOf(object.kind, object.metadata.name));
  }

  /** @param group as `groupOf` gives it */
  of(group: string): KubernetesObject[] {
    return [...(this.#clusters.get(group)?.values() ?? [])];
  }

  find(group: string, kind: string, name: string): KubernetesObject | undefined {
    return this.#clusters.get(group)?.get(nameOf(kind, name));
  }
}

/** Namespace and label of the SipCluster that an object belongs to. */
export function groupOf({ metadata }: KubernetesObject): string {
  return `${metadata.namespace ?? ''}/${metadata.labels?.[label.cluster] ?? ''}`;
}

function nameOf(kind: string, name: string): string {
  return `${kind}/${name}`;
}
