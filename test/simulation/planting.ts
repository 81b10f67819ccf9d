import type { ProxyProcess } from './proxy-process.ts';
import type { World } from './world.ts';

/** A bug that is planted in each proxy as it starts. */
export interface Mutation {
  readonly name: string;
  /** The rules that may find it. */
  readonly found: readonly string[];
  /** The kinds of faults that bring it to light; undefined: all. */
  readonly faults?: readonly string[];
  plant(process: ProxyProcess, world: World): void;
}

/** Replaces a method of one object. */
export function wrap<T extends object, K extends keyof T>(object: T, name: K, around: (original: T[K]) => T[K]): void {
  const original = object[name];
  const bound = typeof original === 'function' ? (original.bind(object) as T[K]) : original;
  Object.defineProperty(object, name, { value: around(bound), configurable: true, writable: true });
}

export function each<T>(things: readonly T[], act: (thing: T) => void): void {
  for (const thing of things) act(thing);
}

/** The rules that calls break which come to the wrong place, or to none. */
export const callRules = ['CallFailed', 'ChangeFailed', 'EndFailed', 'WrongPair'];
