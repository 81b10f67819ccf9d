import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse } from 'yaml';
import { validateManifest } from '../../operator/validate.ts';
import type { KubernetesObject } from '../../operator/kubernetes/object.ts';
import { ApiServer } from './api-server.ts';
import { ControlPlane, controlPlaneDirectory } from './control-plane.ts';

const manifests = new URL('../manifests/', import.meta.url);
const folders = ['.', 'invalid'] as const;
const files = folders.flatMap((folder) =>
  readdirSync(new URL(`${folder}/`, manifests))
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => `${folder}/${name}`),
);

describe('manifests', function () {
  this.timeout(90_000);
  let plane: ControlPlane;
  let server: ApiServer;

  before(async function () {
    const binaries = controlPlaneDirectory();
    if (binaries === undefined) {
      console.error(
        '      skipped: no kube-apiserver in $KUBEBUILDER_ASSETS or the cache; test/tools/install-kube-apiserver.sh builds one',
      );
      this.skip();
    }
    plane = await ControlPlane.start(binaries);
    server = new ApiServer(plane);
    await server.installCrd();
  });
  after(async () => {
    server?.api.close();
    await plane?.stop();
  });

  for (const file of files) {
    it(`are judged by the API server as by sipcluster validate: ${file}`, async () => {
      const text = readFileSync(new URL(file, manifests), 'utf8');
      const refused = validateManifest(text, file).problems.some(({ severity }) => severity === 'error');
      const object = parse(text) as KubernetesObject;
      const namespace = await server.namespace();
      // Applied, since what is created loses fields that the schema does not have without a word.
      const answer = await server.api.apply({ ...object, metadata: { ...object.metadata, namespace } }, 'test').then(
        () => 'taken',
        (error: unknown) => String(error),
      );
      if (refused) expect(answer).to.match(/^ApiError: .*: (400|422|500) /);
      else expect(answer).to.equal('taken');
    });
  }
});
