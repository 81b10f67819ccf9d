import { World, type Violation, type WorldOptions } from './world.ts';

/** What one seed came to. */
export interface Result {
  readonly seed: number;
  readonly violations: readonly Violation[];
  /** Of calls, faults, switches and events. */
  readonly counts: Readonly<Record<string, number>>;
  /** The cluster in words. */
  readonly size: string;
}

/** Runs worlds for its parent process, one after the other. */
async function run(options: WorldOptions): Promise<Result> {
  const world = new World(options);
  await world.run();
  const { sites, proxies, phones, violations, faults, monitor, events, ledger } = world;
  return {
    seed: options.seed,
    violations,
    counts: { ...ledger.tally, faults: faults.faults.length, switches: monitor?.switches ?? 0, events },
    size: `${sites.length} data centres, ${proxies.length} proxies, ${phones.length} phones`,
  };
}

process.on('message', (options: WorldOptions) => {
  run(options).then(
    (result) => process.send?.(result),
    (error: unknown) => {
      throw error;
    },
  );
});
process.on('disconnect', () => process.exit());
