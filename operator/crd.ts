import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { closed, type SchemaNode } from '../proxy/config-problems.ts';

interface Crd {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: SchemaNode } }[];
  };
}

const { spec } = parse(readFileSync(new URL('../crds/sipcluster.yaml', import.meta.url), 'utf8')) as Crd;
const [version] = spec.versions;
if (version === undefined) throw new Error('crds/sipcluster.yaml has no version');

export const group = spec.group;
export const kind = spec.names.kind;
export const apiVersion = `${spec.group}/${version.name}`;

/** `metadata` as people write it; what only the API server sets is allowed, since manifests are taken from it. */
const metadata: SchemaNode = {
  type: 'object',
  required: ['name'],
  properties: {
    name: {
      type: 'string',
      maxLength: 253,
      pattern: '^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$',
      description: 'lower case letters, digits, dashes and dots, as in a DNS name.',
    },
    namespace: {
      type: 'string',
      maxLength: 63,
      pattern: '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$',
      description: 'lower case letters, digits and dashes.',
    },
    labels: { type: 'object', additionalProperties: { type: 'string' } },
    annotations: { type: 'object', additionalProperties: { type: 'string' } },
    finalizers: { type: 'array', items: { type: 'string' } },
    ownerReferences: { type: 'array' },
    generateName: { type: 'string' },
    uid: { type: 'string' },
    resourceVersion: { type: 'string' },
    generation: { type: 'integer' },
    creationTimestamp: {},
    deletionTimestamp: {},
    deletionGracePeriodSeconds: {},
    managedFields: { type: 'array' },
    selfLink: { type: 'string' },
  },
};

const whole = version.schema.openAPIV3Schema;

/** The schema of a whole SipCluster, metadata included. */
export const resourceSchema: SchemaNode = {
  ...whole,
  required: ['metadata', 'spec'],
  properties: { ...whole.properties, metadata },
};

/** The same as JSON Schema has it, closed: what it doesn't name is an error. */
export const jsonSchema = closed(withIntOrString(resourceSchema));

/** Kubernetes' one type that JSON Schema writes in another way. */
function withIntOrString(schema: SchemaNode): SchemaNode {
  if (schema['x-kubernetes-int-or-string'] === true) return { ...schema, type: ['integer', 'string'] };
  const { properties, items, additionalProperties: values } = schema;
  const fields = Object.entries(properties ?? {}).map(([name, field]) => [name, withIntOrString(field)]);
  return {
    ...schema,
    ...(properties && { properties: Object.fromEntries(fields) }),
    ...(items && { items: withIntOrString(items) }),
    ...(typeof values === 'object' && { additionalProperties: withIntOrString(values) }),
  };
}
