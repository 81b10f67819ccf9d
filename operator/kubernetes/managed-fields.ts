import type { FieldSet, KubernetesObject, ManagedFields } from './object.ts';
import { isRecord } from './object.ts';
import { parseQuantity } from './quantity.ts';

/** A field in which an object differs from what we want of it. */
export interface Difference {
  /** `spec.template.spec.containers[name=proxy].image` */
  readonly path: string;
  /** Who else set it, as far as managedFields tell. */
  readonly managers: readonly string[];
}

type Path = readonly string[];

/**
 * What an apply of `desired` would change: fields that it names and that are not ours or not so on the live object, and
 * fields that are ours and that it names no more. None: the API server would change nothing.
 * Fields of others are never looked at, and quantities are equal by value.
 */
export function differences(desired: KubernetesObject, live: KubernetesObject, manager: string): Difference[] {
  const entries = live.metadata.managedFields ?? [];
  const ours = entries.find(
    (entry) => entry.manager === manager && entry.operation === 'Apply' && entry.subresource === undefined,
  );
  const { name: _name, namespace: _namespace, ...metadata } = desired.metadata;
  const { apiVersion: _apiVersion, kind: _kind, ...fields } = desired;
  const found: Path[] = [];
  compare({ ...fields, metadata }, live, ours?.fieldsV1 ?? {}, [], found);
  return found.map((path) => ({ path: written(path), managers: others(path, entries, manager) }));
}

function compare(desired: unknown, live: unknown, fields: FieldSet, path: Path, found: Path[]): void {
  const steps = Object.keys(fields).filter((step) => step !== '.');
  if (isRecord(desired) && (steps.length > 0 || path.length === 0 || !same(desired, live, path))) {
    return compareFields(desired, live, fields, steps, path, found);
  }
  if (Array.isArray(desired) && steps.length > 0) return compareItems(desired, live, fields, steps, path, found);
  if (!same(desired, live, path)) found.push(path);
}

function compareFields(
  desired: Readonly<Record<string, unknown>>,
  live: unknown,
  fields: FieldSet,
  steps: readonly string[],
  path: Path,
  found: Path[],
): void {
  // One that the API takes as a whole has no fields of its own in the set.
  if (steps.length === 0 && path.length > 0) {
    found.push(path);
    return;
  }
  for (const [name, value] of Object.entries(desired)) {
    const step = `f:${name}`;
    const below = fields[step];
    if (below === undefined) found.push([...path, step]);
    else compare(value, isRecord(live) ? live[name] : undefined, below, [...path, step], found);
  }
  for (const step of steps) if (step.startsWith('f:') && !(step.slice(2) in desired)) found.push([...path, step]);
}

function compareItems(
  desired: readonly unknown[],
  live: unknown,
  fields: FieldSet,
  steps: readonly string[],
  path: Path,
  found: Path[],
): void {
  const rest = new Set(desired);
  for (const step of steps) {
    const wanted = desired.find((item) => isItem(item, step));
    const is = Array.isArray(live) ? (live as unknown[]).find((item) => isItem(item, step)) : undefined;
    rest.delete(wanted);
    if (wanted === undefined || is === undefined) found.push([...path, step]);
    else if (step.startsWith('k:')) compare(wanted, is, fields[step] ?? {}, [...path, step], found);
  }
  for (const item of rest) found.push([...path, `v:${JSON.stringify(item)}`]);
}

/** Whether an item is the one that a step names: by its keys (`k:{"name":"proxy"}`) or its value (`v:"IPv4"`). */
function isItem(item: unknown, step: string): boolean {
  const named: unknown = JSON.parse(step.slice(2));
  if (step.startsWith('v:')) return item === named;
  return isRecord(named) && isRecord(item) && Object.entries(named).every(([key, value]) => item[key] === value);
}

/** Of values that are set as a whole. The claims of a StatefulSet come back with defaults, and can't be changed anyway. */
function same(desired: unknown, live: unknown, path: Path): boolean {
  if (Array.isArray(desired)) {
    if (!Array.isArray(live) || desired.length !== live.length) return false;
    return desired.every((item, index) => same(item, (live as unknown[])[index], path));
  }
  if (isRecord(desired)) {
    if (!isRecord(live)) return false;
    const names = Object.keys(desired);
    if (path[1] !== 'f:volumeClaimTemplates' && names.length !== Object.keys(live).length) return false;
    return names.every((name) => same(desired[name], live[name], [...path, `f:${name}`]));
  }
  if (desired === live) return true;
  const above = path.at(-2);
  if (above !== 'f:requests' && above !== 'f:limits') return false;
  const quantity = parseQuantity(desired);
  return quantity !== undefined && quantity === parseQuantity(live);
}

function others(path: Path, entries: readonly ManagedFields[], manager: string): string[] {
  const holding = entries.filter((entry) => entry.manager !== manager && holds(entry.fieldsV1 ?? {}, path));
  return [...new Set(holding.map((entry) => entry.manager))];
}

function holds(fields: FieldSet, path: Path): boolean {
  let at: FieldSet | undefined = fields;
  for (const step of path) at = at?.[step];
  return at !== undefined;
}

function written(path: Path): string {
  const steps = path.map((step) => {
    if (step.startsWith('f:')) return `.${step.slice(2)}`;
    const named: unknown = JSON.parse(step.slice(2));
    if (!isRecord(named)) return `[${String(named)}]`;
    return `[${Object.entries(named)
      .map(([key, value]) => `${key}=${String(value)}`)
      .join(',')}]`;
  });
  return steps.join('').replace(/^\./, '');
}
