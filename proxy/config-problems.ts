import type { ErrorObject } from 'ajv';
import { durationForm, durationPattern } from './duration.ts';

/** One thing wrong in a configuration or manifest. */
export interface ConfigProblem {
  /** The field: `servers[2].members[0].port`; empty for the whole text. */
  readonly path: string;
  /** As written; undefined where the field is missing. */
  readonly value: unknown;
  /** What is wrong and what to do. */
  readonly message: string;
}

/** The parts of a JSON schema that are looked at here. */
export interface SchemaNode {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly pattern?: string;
  readonly maxLength?: number;
  readonly minimumDuration?: string;
  readonly maximumDuration?: string;
  readonly 'x-kubernetes-validations'?: readonly SchemaRule[];
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-int-or-string'?: boolean;
}

/** A CEL rule of a schema. */
export interface SchemaRule {
  readonly rule: string;
  readonly message: string;
  readonly fieldPath?: string;
}

/** Whether it has fields. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A schema in which what no object of it names is an error. Objects without named fields stay open. */
export function closed(schema: SchemaNode): SchemaNode {
  const { properties, items } = schema;
  const inner = Object.entries(properties ?? {}).map(([name, field]) => [name, closed(field)]);
  const open = properties === undefined || schema['x-kubernetes-preserve-unknown-fields'] === true;
  return {
    ...schema,
    ...(properties && { properties: Object.fromEntries(inner) }),
    ...(items && { items: closed(items) }),
    ...(open ? {} : { additionalProperties: false }),
  };
}

/** What ajv (with `verbose`) found, as a problem of the field that it is about. */
export function problemOf(error: ErrorObject): ConfigProblem {
  const at = pathOf(error.instancePath);
  const schema = (error.parentSchema ?? {}) as SchemaNode;
  const params = error.params as Readonly<Record<string, unknown>>;
  if (error.keyword === 'required') {
    const field = String(params['missingProperty']);
    return { path: join(at, field), value: undefined, message: `is missing${hint(schema.properties?.[field])}` };
  }
  if (error.keyword === 'additionalProperties') {
    const field = String(params['additionalProperty']);
    const known = Object.keys(schema.properties ?? {});
    const value = isObject(error.data) ? error.data[field] : undefined;
    return { path: join(at, field), value, message: `is not a field here; ${suggestion(field, known)}` };
  }
  return { path: at, value: error.data, message: messageOf(error, schema, params) };
}

function messageOf(error: ErrorObject, schema: SchemaNode, params: Readonly<Record<string, unknown>>): string {
  const is = `but is ${shown(error.data)}`;
  switch (error.keyword) {
    case 'type':
      return `must be ${typeNames[String(params['type'])] ?? String(params['type']).replace(',', ' or ')}, ${is}`;
    case 'enum': {
      const allowed = (schema.enum ?? []).map(String);
      const near = typeof error.data === 'string' ? nearest(error.data, allowed) : undefined;
      const list = allowed.length === 1 ? allowed.join() : `one of ${allowed.join(', ')}`;
      return `must be ${list}, ${is}${near === undefined ? '' : `; did you mean ${near}?`}`;
    }
    case 'minimum':
      return `must be at least ${String(params['limit'])}, ${is}${hint(schema)}`;
    case 'maximum':
      return `must be at most ${String(params['limit'])}, ${is}${hint(schema)}`;
    case 'minLength':
      return 'must not be empty';
    case 'maxLength':
      return `must have at most ${String(params['limit'])} characters, ${is}`;
    case 'minItems':
      return `must have at least ${items(params['limit'])}, but has ${lengthOf(error.data)}`;
    case 'maxItems':
      return `must have at most ${items(params['limit'])}, but has ${lengthOf(error.data)}`;
    case 'uniqueItems':
      return `has ${shown(Array.isArray(error.data) ? error.data[Number(params['i'])] : error.data)} twice; remove one`;
    case 'pattern':
      if (schema.pattern === durationPattern) return `${shown(error.data)} is not a duration: write ${durationForm}`;
      return `${shown(error.data)} can't be read${hint(schema)}`;
    case 'format':
      return `${shown(error.data)} can't be read${hint(schema)}`;
    default:
      return `${error.message ?? error.keyword}, ${is}`;
  }
}

const typeNames: Readonly<Record<string, string>> = {
  array: 'a list',
  object: 'an object',
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
};

const lengthOf = (value: unknown): number => (Array.isArray(value) ? value.length : 0);

const items = (count: unknown): string => (count === 1 ? '1 item' : `${String(count)} items`);

function hint(schema: SchemaNode | undefined): string {
  return schema?.description === undefined ? '' : `: ${schema.description}`;
}

/** `did you mean 'x'?`, or what there is to choose from. */
function suggestion(field: string, known: readonly string[]): string {
  const near = nearest(field, known);
  return near === undefined ? `there are ${known.join(', ')}` : `did you mean '${near}'?`;
}

/** The candidate that a slip of the pen may have turned into `word`: a third of its letters wrong at most. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const steps = distance(word.toLowerCase(), candidate.toLowerCase());
    if (steps < least) [best, least] = [candidate, steps];
  }
  return best;
}

/** Damerau-Levenshtein distance, adjacent letters swapped counting as one step. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let steps = Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (above[j - 1] ?? 0) + same);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) steps = Math.min(steps, (before[j - 2] ?? 0) + 1);
      row.push(steps);
    }
    [before, above] = [above, row];
  }
  return above[b.length] ?? 0;
}

/** A value as it is quoted in a message: short, on one line. */
export function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  if (typeof value === 'string') return `'${value.length > 60 ? `${value.slice(0, 57)}…` : value}'`;
  if (Array.isArray(value)) return `a list of ${items(value.length)}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return JSON.stringify(value);
}

/** `/spec/switches/0/name` as `spec.switches[0].name`. */
function pathOf(pointer: string): string {
  let path = '';
  for (const step of pointer.split('/').slice(1)) path = join(path, step.replaceAll('~1', '/').replaceAll('~0', '~'));
  return path;
}

/** A field's path below another: names with dots and slashes, like an annotation's, in brackets. */
export function join(path: string, step: string | number): string {
  if (/^[0-9]+$/.test(String(step))) return `${path}[${step}]`;
  if (!/^[A-Za-z0-9_]+$/.test(String(step))) return `${path}['${step}']`;
  return path === '' ? String(step) : `${path}.${step}`;
}
