import { Ajv } from 'ajv';
import {
  isObject,
  join,
  nearest,
  problemOf,
  shown,
  type ConfigProblem,
  type SchemaNode,
} from '../proxy/config-problems.ts';
import { apiVersion, group, jsonSchema, kind, resourceSchema } from './crd.ts';
import { readManifest, type FieldPath, type ManifestDocument } from './manifest.ts';
import { repeatedItems } from './list-maps.ts';
import { warningsOf } from './warnings.ts';
import { brokenRules, type BrokenRule } from './rules.ts';
import type { SipCluster } from './sip-cluster.ts';

/** One thing about a manifest that somebody should look at. */
export interface ManifestProblem extends ConfigProblem {
  readonly file: string;
  /** From 1; that of the nearest field above, where the field is missing. */
  readonly line: number;
  /** A warning is taken by the API server as well, but is likely not what was meant. */
  readonly severity: 'error' | 'warning';
}

/** A document that is no SipCluster. */
export interface SkippedDocument {
  readonly line: number;
  /** `Deployment voice/phones`, as far as it says. */
  readonly what: string;
}

export interface ManifestReport {
  /** Every SipCluster without an error, its defaults applied. */
  readonly resources: readonly SipCluster[];
  /** In the order of the file. */
  readonly problems: readonly ManifestProblem[];
  readonly skipped: readonly SkippedDocument[];
}

/**
 * Judges a manifest as the API server would, offline: schema, defaults and CEL rules; a field that the schema doesn't
 * know is an error too. Documents of other kinds are skipped; a file in which nothing is a SipCluster is an error.
 * @param text YAML, any number of documents, or JSON
 * @param file its name, for the problems
 */
export function validateManifest(text: string, file: string): ManifestReport {
  const { documents, problems: syntax } = readManifest(text);
  const problems: ManifestProblem[] = syntax.map(({ line, message }) => {
    return { file, line, path: '', value: undefined, message: `can't be read as YAML: ${message}`, severity: 'error' };
  });
  const resources: SipCluster[] = [];
  const skipped: SkippedDocument[] = [];
  const names = new Map<string, number>();
  for (const document of documents) {
    if (!concernsUs(document.value)) {
      skipped.push({ line: document.line, what: described(document.value) });
      continue;
    }
    const { resource, found } = judged(document);
    problems.push(...found.map((problem) => ({ file, ...problem })));
    if (resource === undefined) continue;
    const name = described(resource);
    const other = names.get(name);
    if (other === undefined) resources.push(resource);
    else
      problems.push({
        file,
        line: document.line,
        path: 'metadata.name',
        value: resource.metadata.name,
        message: `${name} is in line ${other} of this file already`,
        severity: 'error',
      });
    names.set(name, other ?? document.line);
  }
  if (documents.length === skipped.length && syntax.length === 0) {
    const message = `there is no ${kind} (${apiVersion}) in it${skipped.length === 0 ? ': it is empty' : `, only ${skipped.map(({ what }) => what).join(', ')}`}`;
    problems.push({ file, line: 1, path: '', value: undefined, message, severity: 'error' });
  }
  return { resources, problems: problems.toSorted((a, b) => a.line - b.line), skipped };
}

/** A problem on a line: `cluster.yaml:12: spec.paused: must be true or false, but is 'yes'`. */
export function formatProblem({ file, line, path, message, severity }: ManifestProblem): string {
  return `${file}:${line}: ${severity === 'warning' ? 'warning: ' : ''}${path === '' ? '' : `${path}: `}${message}`;
}

type Found = Omit<ManifestProblem, 'file'>;

const ajv = new Ajv({ allErrors: true, useDefaults: true, verbose: true, strict: false, logger: false });
const validate = ajv.compile<SipCluster>(jsonSchema);

function judged(document: ManifestDocument): { resource?: SipCluster; found: Found[] } {
  const value = withoutNulls(resourceSchema, document.value);
  const found = (problem: ConfigProblem, severity: Found['severity']): Found => {
    return { ...problem, line: document.lineOf(pathSteps(problem.path)), severity };
  };
  const taken = validate(value);
  const errors = [
    ...misnamed(value),
    ...(validate.errors ?? []).map(problemOf),
    ...repeatedItems(resourceSchema, value).map(problemAt),
    ...brokenRules(resourceSchema, value).map(problemAt),
  ];
  if (!taken || errors.length > 0) return { found: errors.map((problem) => found(problem, 'error')) };
  return { resource: value, found: warningsOf(value).map((warning) => found(problemAt(warning), 'warning')) };
}

function problemAt({ path, value, message }: BrokenRule): ConfigProblem {
  const is = message.startsWith('must be') && value !== undefined && !isObject(value) ? `, but is ${shown(value)}` : '';
  return { path: path.reduce<string>(join, ''), value, message: `${message}${is}` };
}

/** An apiVersion of ours, or a kind that could be meant to be. */
function concernsUs(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { apiVersion: version, kind: written } = value;
  if (typeof version === 'string' && version.split('/')[0] === group) return true;
  return typeof written === 'string' && nearest(written, [kind]) !== undefined;
}

function misnamed(value: unknown): ConfigProblem[] {
  const written = isObject(value) ? value : {};
  return Object.entries({ apiVersion, kind })
    .filter(([field, expected]) => written[field] !== expected)
    .map(([field, expected]) => {
      const is = written[field] === undefined ? 'is missing: write' : `is ${shown(written[field])}, but must be`;
      return { path: field, value: written[field], message: `${is} ${expected}` };
    });
}

function described(value: unknown): string {
  if (!isObject(value)) return shown(value);
  const { kind: what, metadata } = value;
  const named = isObject(metadata) ? [metadata['namespace'], metadata['name']] : [];
  const name = named.filter((part) => typeof part === 'string').join('/');
  return `${typeof what === 'string' ? what : 'a document without a kind'}${name === '' ? '' : ` ${name}`}`;
}

/** A copy without the fields that are null: the API server takes those for absent, before it applies defaults. */
function withoutNulls(schema: SchemaNode | undefined, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutNulls(schema?.items, item));
  if (!isObject(value)) return value;
  const fields = schema?.properties;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, field]) => field !== null || fields?.[name] === undefined)
      .map(([name, field]) => [name, withoutNulls(fields?.[name], field)]),
  );
}

/** The steps of a path's text, `a.b[0]['c.d']`. */
function pathSteps(path: string): FieldPath {
  return [...path.matchAll(/\['([^']*)'\]|\[(\d+)\]|([^.[\]]+)/g)].map(([, quoted, index, name]) =>
    index === undefined ? (quoted ?? name ?? '') : Number(index),
  );
}
