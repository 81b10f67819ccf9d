import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { KubernetesApi } from '../../operator/kubernetes/api.ts';
import type { KubernetesObject } from '../../operator/kubernetes/object.ts';
import { resources, type Resource } from '../../operator/kubernetes/resources.ts';
import type { ControlPlane } from './control-plane.ts';

const namespaces: Resource = { apiVersion: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false };

/** A test's own way to the API server, as the user `test`, who may do everything. */
export class ApiServer {
  readonly api: KubernetesApi;
  #namespaces = 0;

  constructor(plane: ControlPlane) {
    this.api = new KubernetesApi(plane.config(), { mayWrite: () => true });
  }

  /** Applies the CRD, and waits until the API server serves it. */
  async installCrd(): Promise<void> {
    const crd = parse(readFileSync(new URL('../../crds/sipcluster.yaml', import.meta.url), 'utf8')) as KubernetesObject;
    await this.api.apply(crd, 'test');
    const deadline = performance.now() + 20_000;
    for (;;) {
      try {
        await this.api.source(resources.SipCluster, undefined).list(undefined, AbortSignal.timeout(5000));
        return;
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  /** A new namespace; returns its name. */
  async namespace(): Promise<string> {
    const name = `test-${(this.#namespaces += 1)}`;
    await this.api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, 'test', '', namespaces);
    return name;
  }
}
