import { measure } from 'mitata';
import { pieces, type Piece } from './pieces.ts';

// Times the pieces of this checkout, one whenever its parent (check.ts) names it, and tells how many ns it takes.

/** So long each runs before it is timed first, ms: until V8 has compiled what it will. */
const WARM = 400;
const WARM_WHOLE = 2500;
/** How long each is timed, ns. */
const options = { min_cpu_time: 60e6 };

const text = JSON.stringify(
  Array.from({ length: 20 }, (_, i) => ({ name: `field-${i}`, value: i, more: [i, `${i}`] })),
);
/** Stands for the machine: V8's own work, which no change of ours makes slower. */
const unit: Piece = { name: 'unit', times: 1, run: () => JSON.parse(text) as unknown };

const all = [unit, ...(await pieces())];
const warm = new Set<string>();

process.on('message', (name) => {
  const piece = all.find((one) => one.name === name);
  if (piece !== undefined) void time(piece).then((ns) => process.send?.(ns));
});
process.send?.(all.map(({ name }) => name));

/** The least that was seen: the rest is the machine's doing. */
async function time({ name, times, run }: Piece): Promise<number> {
  if (!warm.has(name)) {
    warm.add(name);
    const end = performance.now() + (times > 1 ? WARM_WHOLE : WARM);
    while (performance.now() < end) await run();
  }
  const { min } = await measure(() => run(), options);
  return min / times;
}
