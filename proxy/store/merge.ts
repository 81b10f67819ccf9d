import { encodeBinding } from './codec.ts';
import type { Binding, Stamp } from './records.ts';

/** How long past an expiry it is remembered: no clock is further behind than that, and no store slower to tell. */
const GRACE = 60_000;

/** Whether `binding` is bound at `now`: neither removed nor expired. */
export function isLive(binding: Binding, now: number): boolean {
  return binding.removed !== true && binding.expires > now;
}

/**
 * Until when `binding` must be remembered, bound or not: until no version that it replaced can still be alive
 * anywhere. Past its expiry a binding is its own tombstone. ms since the epoch.
 */
export function keptUntil(binding: Binding): number {
  return rememberedUntil(binding.removed === true, binding.expires, binding.until ?? 0);
}

/** As keptUntil(), of a binding's parts; `until` is 0 where it has none. */
export function rememberedUntil(removed: boolean, expires: number, until: number): number {
  return removed ? expires : Math.max(expires + GRACE, until);
}

/** The tombstone of `binding`: nothing but what it takes to outdo every version that it replaces. */
export function tombstone(binding: Binding, stamp: Stamp): Binding {
  const { aor, id } = binding;
  const bare = { contact: '', q: 0, transport: 'UDP', sourceAddress: '', sourcePort: 0 } as const;
  return { aor, id, ...bare, expires: keptUntil(binding), stamp, removed: true };
}

/**
 * The join of two versions of one binding: the greater version's content, remembered as long as either must be.
 * Commutative, associative and idempotent, so replicas that saw the same versions are equal whatever the order.
 */
export function merge(a: Binding, b: Binding): Binding {
  const winner = compareVersions(a, b) >= 0 ? a : b;
  return kept(normal(winner), Math.max(keptUntil(a), keptUntil(b)));
}

/** Positive if `a` is the version to keep, 0 if both have one content. Looks at neither tombstones' nor versions' remembrance. */
export function compareVersions(a: Binding, b: Binding): number {
  return compareStamps(a.stamp, b.stamp) || compareContents(a, b);
}

/** The greater of (first, Call-ID, CSeq, commit) wins. */
export function compareStamps(a: Stamp, b: Stamp): number {
  if (a.first !== b.first) return a.first - b.first;
  if (a.callId !== b.callId) return a.callId > b.callId ? 1 : -1;
  return a.cseq - b.cseq || a.commit - b.commit;
}

/** One stamp on two contents is two proxies' clocks in step: any order will do, as long as all have the same. */
function compareContents(a: Binding, b: Binding): number {
  if (a.removed === true || b.removed === true) return Number(a.removed === true) - Number(b.removed === true);
  if (a.expires !== b.expires) return a.expires - b.expires;
  // most often the very version that is known, as when a store is listed again: no texts are made for that
  if (haveSameContents(a, b)) return 0;
  const textA = encodeBinding(withoutUntil(a));
  const textB = encodeBinding(withoutUntil(b));
  return textA === textB ? 0 : textA > textB ? 1 : -1;
}

/** False where only the texts can tell. */
function haveSameContents(a: Binding, b: Binding): boolean {
  if (a.contact !== b.contact || a.q !== b.q || a.transport !== b.transport) return false;
  if (a.sourceAddress !== b.sourceAddress || a.sourcePort !== b.sourcePort) return false;
  if (a.owner !== b.owner || a.boot !== b.boot || a.flow !== b.flow) return false;
  if (a.instance !== b.instance || a.regId !== b.regId || a.path !== b.path) return false;
  return a.more === b.more;
}

/** The one form that equal versions have. */
export function normal(binding: Binding): Binding {
  if (binding.removed !== true) {
    return binding.until === undefined || binding.until > binding.expires + GRACE ? binding : withoutUntil(binding);
  }
  const isBare = binding.contact === '' && Object.keys(binding).length === BARE_FIELDS;
  return isBare ? binding : tombstone(binding, binding.stamp);
}

/** aor, id, contact, q, transport, sourceAddress, sourcePort, expires, stamp, removed. */
const BARE_FIELDS = 10;

function kept(binding: Binding, until: number): Binding {
  if (keptUntil(binding) === until) return binding;
  return binding.removed === true ? { ...binding, expires: until } : { ...binding, until };
}

function withoutUntil(binding: Binding): Binding {
  const { until: _until, ...rest } = binding;
  return rest;
}

/** The expiry to store `binding` under: a store keeps it a minute longer. */
export function storedUntil(binding: Binding): number {
  return keptUntil(binding) - GRACE;
}
