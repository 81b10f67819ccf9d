import { celEnv, isCelError, parse, plan } from '@bufbuild/cel';
import { isObject, type SchemaNode, type SchemaRule } from '../proxy/config-problems.ts';
import type { FieldPath } from './manifest.ts';

/** A rule that a value breaks. */
export interface BrokenRule {
  readonly path: FieldPath;
  readonly value: unknown;
  readonly message: string;
}

/** A value as CEL sees it: whole numbers are int, objects are maps. */
type CelData = string | boolean | bigint | number | null | CelData[] | Map<string, CelData>;
type Variables = Readonly<Record<string, CelData>>;
type Evaluate = (variables: Variables) => unknown;

/**
 * The CEL rules of a schema that a value breaks, evaluated as the API server does. Rules that compare with the value
 * before (`oldSelf`) say nothing about a file and are left out, as are those that can't be evaluated since the value is
 * not of its schema's types: that is the schema's to refuse.
 */
export function brokenRules(schema: SchemaNode, value: unknown, path: FieldPath = []): BrokenRule[] {
  const rules = schema['x-kubernetes-validations'] ?? [];
  const self = rules.length === 0 ? null : celData(value);
  const broken = rules
    .filter(({ rule }) => !/\boldSelf\b/.test(rule))
    .flatMap((rule) => brokenBy(rule, value, path, self));
  if (Array.isArray(value) && schema.items !== undefined) {
    const { items } = schema;
    return [...broken, ...value.flatMap((item, index) => brokenRules(items, item, [...path, index]))];
  }
  if (!isObject(value)) return broken;
  const fields = Object.entries(schema.properties ?? {}).filter(([name]) => name in value);
  return [...broken, ...fields.flatMap(([name, inner]) => brokenRules(inner, value[name], [...path, name]))];
}

function brokenBy(
  { rule, message, fieldPath }: SchemaRule,
  value: unknown,
  path: FieldPath,
  self: CelData,
): BrokenRule[] {
  if (evaluate(rule, { self }) !== false) return [];
  const within = narrowed(rule, { self }, []);
  const below = within ?? [fieldPath === undefined ? [] : fieldPath.split('.').filter(Boolean)];
  return below.map((steps) => ({ path: [...path, ...steps], value: at(value, steps), message }));
}

/**
 * A rule that is `list.all(item, …)` breaks for certain items: the paths of those, so that they can be named, to the
 * field of the item that the rest of the rule is about where that is only one. Undefined for a rule of another form.
 */
function narrowed(rule: string, variables: Variables, path: FieldPath): FieldPath[] | undefined {
  const [, list = '', name = '', rest = ''] = /^(\w+(?:\.\w+)*)\.all\((\w+),\s*([^]*)\)$/.exec(rule) ?? [];
  if (list === '') return undefined;
  const items = field(list, variables);
  if (!Array.isArray(items)) return undefined;
  const listPath = [...path, ...list.split('.').slice(1)];
  return items.flatMap((item, index) => {
    const inner = { ...variables, [name]: item };
    if (evaluate(rest, inner) !== false) return [];
    const itemPath = [...listPath, index];
    const deeper = narrowed(rest, inner, itemPath);
    if (deeper !== undefined) return deeper;
    const fields = new Set([...rest.matchAll(new RegExp(`\\b${name}\\.(\\w+)`, 'g'))].map(([, named]) => named ?? ''));
    return [[...itemPath, ...(fields.size === 1 ? fields : [])]];
  });
}

const environment = celEnv();
const compiled = new Map<string, Evaluate>();

/** What an expression gives; undefined where it can't be evaluated. */
function evaluate(expression: string, variables: Variables): unknown {
  let program = compiled.get(expression);
  if (program === undefined) {
    program = plan(environment, parse(expression)) as Evaluate;
    compiled.set(expression, program);
  }
  const result = program(variables);
  return isCelError(result) ? undefined : result;
}

/** What a chain of fields, `s.clusterDNs`, leads to. */
function field(chain: string, variables: Variables): CelData | undefined {
  const [variable = '', ...names] = chain.split('.');
  let data = variables[variable];
  for (const name of names) data = data instanceof Map ? data.get(name) : undefined;
  return data;
}

function celData(value: unknown): CelData {
  if (Array.isArray(value)) return value.map(celData);
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (isObject(value)) {
    return new Map(Object.entries(value).map(([name, inner]) => [name, celData(inner)]));
  }
  return typeof value === 'string' || typeof value === 'boolean' ? value : null;
}

function at(value: unknown, path: FieldPath): unknown {
  let node = value;
  for (const step of path) {
    if (Array.isArray(node)) node = node[Number(step)];
    else node = isObject(node) ? node[step] : undefined;
  }
  return node;
}
