import { isObject, shown, type SchemaNode } from '../proxy/config-problems.ts';
import type { FieldPath } from './manifest.ts';
import type { BrokenRule } from './rules.ts';

/** Items that a list of type `map` or `set` has twice: the API server refuses those by their keys or values. */
export function repeatedItems(schema: SchemaNode, value: unknown, path: FieldPath = []): BrokenRule[] {
  if (Array.isArray(value)) {
    const { items } = schema;
    const inner =
      items === undefined ? [] : value.flatMap((item, index) => repeatedItems(items, item, [...path, index]));
    return [...repeatedIn(schema, value, path), ...inner];
  }
  if (!isObject(value)) return [];
  return Object.entries(schema.properties ?? {})
    .filter(([name]) => name in value)
    .flatMap(([name, field]) => repeatedItems(field, value[name], [...path, name]));
}

function repeatedIn(schema: SchemaNode, list: readonly unknown[], path: FieldPath): BrokenRule[] {
  const type = schema['x-kubernetes-list-type'];
  if (type !== 'map' && type !== 'set') return [];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const first = new Map<string, number>();
  return list.flatMap((item, index) => {
    const key = type === 'set' ? item : keyOf(item, keys);
    if (key === undefined) return [];
    const other = first.get(JSON.stringify(key));
    if (other === undefined) {
      first.set(JSON.stringify(key), index);
      return [];
    }
    const [field] = type === 'map' ? keys : [];
    const named = Array.isArray(key) ? shown(key[0]) : shown(key);
    const message = `${named} is in this list already, at [${other}]; each ${field ?? 'item'} may be there once`;
    return [
      {
        path: field === undefined ? [...path, index] : [...path, index, field],
        value: Array.isArray(key) ? key[0] : key,
        message,
      },
    ];
  });
}

function keyOf(item: unknown, keys: readonly string[]): unknown[] | undefined {
  if (!isObject(item)) return undefined;
  const values = keys.map((key) => item[key]);
  return values.includes(undefined) ? undefined : values;
}
