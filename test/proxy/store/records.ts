import fc from 'fast-check';
import pino from 'pino';
import type { Replica } from '../../../proxy/store/replica.ts';
import type { Binding, HealthRecord, ProxyRecord, Stamp } from '../../../proxy/store/records.ts';

export const NOW = Date.UTC(2026, 0, 1);
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

export const silent = pino({ level: 'silent' });

export function stamp(part: Partial<Stamp> = {}): Stamp {
  return { first: NOW, callId: 'call-1', cseq: 1, commit: NOW, ...part };
}

/** Alice's phone, bound for an hour. */
export function binding(part: Partial<Binding> = {}): Binding {
  return {
    aor: 'alice@example.com',
    id: 'sip:alice@10.0.0.1:5060',
    contact: 'sip:alice@10.0.0.1:5060',
    q: 1000,
    transport: 'UDP',
    sourceAddress: '10.0.0.1',
    sourcePort: 5060,
    expires: NOW + HOUR,
    stamp: stamp(),
    ...part,
  };
}

/** Saves it, and resolves when the store has it or needs it no more. */
export function saved(replica: Replica, one: Binding): Promise<void> {
  return new Promise((resolve) => {
    if (!replica.save(one, { committed: resolve })) resolve();
  });
}

export function removed(part: Partial<Binding> = {}): Binding {
  return binding({ contact: '', q: 0, sourceAddress: '', sourcePort: 0, removed: true, ...part });
}

export function proxyRecord(name: string, part: Partial<ProxyRecord> = {}): ProxyRecord {
  return {
    name,
    geoLocation: 'dc1',
    state: 'Ready',
    boot: 'b1',
    addresses: [{ transport: 'UDP', address: '127.0.11.1', port: 5060, side: 'Both' }],
    admin: 'http://127.0.11.1:8080',
    configuration: { hash: 'h1' },
    counts: { registrations: 0, calls: 0 },
    keys: [],
    ...part,
  };
}

export function healthRecord(proxy: string, part: Partial<HealthRecord> = {}): HealthRecord {
  const member = {
    role: 'primary',
    address: '127.0.0.1:5060',
    state: 'InService',
    reason: 'OptionsAnswered',
    since: NOW,
  } as const;
  return {
    proxy,
    geoLocation: 'dc1',
    at: NOW,
    pairs: [{ name: 'ss1', active: 'primary', since: NOW, members: [member] }],
    ...part,
  };
}

/** Versions of one binding, drawn from so few values that they often collide. */
export function versions(): fc.Arbitrary<Binding> {
  const instant = fc.constantFrom(NOW, NOW + 1, NOW + 0.001);
  const stamps = fc.record({
    first: instant,
    callId: fc.constantFrom('a', 'b'),
    cseq: fc.integer({ min: 1, max: 3 }),
    commit: instant,
  });
  const expires = fc.constantFrom(NOW + MINUTE, NOW + 2 * MINUTE, NOW + HOUR);
  const bound = fc
    .record({
      stamp: stamps,
      expires,
      contact: fc.constantFrom('sip:alice@10.0.0.1:5060', 'sip:alice@10.0.0.2:5060'),
      until: fc.constantFrom(undefined, NOW + 2 * HOUR, NOW + 3 * HOUR),
    })
    .map(({ until: kept, ...part }) => binding(kept === undefined ? part : { ...part, until: kept }));
  return fc.oneof(bound, fc.record({ stamp: stamps, expires }).map(removed));
}

/** Resolves when `condition` holds; rejects with what `shows` tells when that takes too long. */
export async function until(condition: () => boolean, shows: () => unknown = () => '', patience = 5000): Promise<void> {
  const end = performance.now() + patience;
  while (!condition()) {
    if (performance.now() > end)
      throw new Error(`not within ${patience} ms: ${condition.toString()} ${JSON.stringify(shows())}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
