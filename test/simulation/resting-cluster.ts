import { EPOCH } from './clock.ts';
import { World, type Size } from './world.ts';

/** What came of a simulated cluster in which phones register, and nothing else happens. */
export interface Rested {
  readonly violations: number;
  /** REGISTERs that had a 200. */
  readonly granted: number;
  /** How often etcds were written to, by the first part of the key. */
  readonly writes: Readonly<Record<string, number>>;
  /** How many bindings each proxy knows in the end. */
  readonly known: readonly number[];
}

/** Runs a cluster of this size for so many ms of its own time. */
export async function resting(size: Size, ms: number): Promise<Rested> {
  const world = new World({ seed: 1, traced: false, mutation: undefined, only: undefined, clockStep: 0, size });
  const writes: Record<string, number> = {};
  for (const etcd of world.etcds) {
    const commit = etcd.commit.bind(etcd);
    etcd.commit = (key, ...rest) => {
      const kind = key.split('/', 1)[0] ?? '';
      writes[kind] = (writes[kind] ?? 0) + 1;
      commit(key, ...rest);
    };
  }
  let granted = 0;
  const { observe } = world.network;
  world.network.observe = (fate, from, to, text) => {
    if (to?.site === 'edge' && text.startsWith('SIP/2.0 200 ') && /^CSeq: \d+ REGISTER\r$/m.test(text)) granted++;
    observe(fate, from, to, text);
  };
  await world.rest(ms);
  const known = world.processes.map(({ replica }) => replica.counts(EPOCH + ms).bindings);
  return { violations: world.violations.length, granted, writes, known };
}
