import { parseKey } from '../../proxy/store/keys.ts';
import type { StoreFollower } from '../../proxy/store/store.ts';
import type { EtcdClientModel } from './store-model.ts';

/** As a release has it that knows layout 1 of the store's keys alone: it says so, and can't read segments of calls. */
export function knowsLayout1(store: EtcdClientModel): void {
  const [put, follow] = [store.put.bind(store), store.follow.bind(store)];
  store.put = (key, value, life) => put(key, key.startsWith('proxy/') ? withoutLayout(value) : value, life);
  store.follow = (follower) => follow(readingLayout1(follower));
}

function withoutLayout(value: string): string {
  const { layout: _layout, ...record } = JSON.parse(value) as Record<string, unknown>;
  return JSON.stringify(record);
}

function readingLayout1(follower: StoreFollower): StoreFollower {
  const isKnown = (key: string): boolean => parseKey(key)?.kind !== 'calls';
  return {
    available: (available, reason) => follower.available(available, reason),
    listing: (restored) => follower.listing(restored),
    loaded: () => follower.loaded(),
    // its colleagues read no more than it does, as far as it knows: it writes calls as it can read them
    put: (key, value) => isKnown(key) && follower.put(key, key.startsWith('proxy/') ? withoutLayout(value) : value),
    remove: (key) => isKnown(key) && follower.remove(key),
  };
}
