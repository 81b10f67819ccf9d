import type { Measurement } from './measure.ts';
import type { Step } from './steps.ts';

/** Three numbers of one kind, of several rounds. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
  return { min: sorted[0] ?? Number.NaN, median, max: sorted.at(-1) ?? Number.NaN };
}

/** What both did in turn. */
export interface Round {
  readonly ours: Measurement;
  readonly theirs: Measurement;
}

/** One step's rounds. */
export interface StepResult {
  readonly step: Step;
  readonly title: string;
  /** When it was measured, ISO 8601, and how long each round's window was, s; undefined: it was searched for. */
  readonly time: string;
  readonly window: number | undefined;
  /** What the ratio is of. */
  readonly compared: 'cpu' | 'perSecond';
  readonly direct: { readonly p50: number; readonly p99: number; readonly p999: number };
  readonly rounds: readonly Round[];
}

/** Ours and theirs of all rounds, and the ratio of these: what happens in few of them counts, too. */
export function together(
  rounds: readonly Round[],
  compared: StepResult['compared'],
): { ours: number; theirs: number; ratio: number } {
  const of = (side: keyof Round): number => {
    const all = rounds.map((round) => round[side]);
    return compared === 'cpu' ? cpuOf(all) : spread(all.map(({ perSecond }) => perSecond)).median;
  };
  const [ours, theirs] = [of('ours'), of('theirs')];
  return { ours, theirs, ratio: ours / theirs };
}

/** µs an exchange. */
function cpuOf(all: readonly Measurement[]): number {
  const sum = (of: (one: Measurement) => number): number => all.reduce((total, one) => total + of(one), 0);
  return sum(({ cpu, perSecond }) => cpu * perSecond) / sum(({ perSecond }) => perSecond);
}

const digits = (value: number, places: number): string => (Number.isFinite(value) ? value.toFixed(places) : '–');

/** The table of docs/performance.md. */
export function table(results: readonly StepResult[]): string {
  const lines = [
    '| step | proxy | CPU µs | ratio (min–max) | a second | added p50 / p99 / p99.9 ms | failed | sent again | dropped | RSS MiB | longest GC ms | generator µs | rounds |',
    '| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |',
  ];
  for (const { title, rounds, direct, compared, time, window } of results) {
    const { min, max } = spread(rounds.map(({ ours, theirs }) => ours[compared] / theirs[compared]));
    const { ratio } = together(rounds, compared);
    const measured = `${rounds.length}${window === undefined ? '' : ` × ${window} s`}, ${time.slice(0, 10)}`;
    for (const side of ['ours', 'theirs'] as const) {
      const all = rounds.map((round) => round[side]);
      const of = (pick: (one: Measurement) => number): number => spread(all.map(pick)).median;
      const sum = (pick: (one: Measurement) => number): number => all.reduce((total, one) => total + pick(one), 0);
      const added = (['p50', 'p99', 'p999'] as const).map((name) =>
        digits(Math.max(0, of((one) => one[name]) - direct[name]), 2),
      );
      lines.push(
        `| ${side === 'ours' ? title : ''} | ${all[0]?.contender ?? ''} | ${digits(cpuOf(all), 0)} | ` +
          `${side === 'ours' ? `**${digits(ratio, 2)}** (${digits(min, 2)}–${digits(max, 2)})` : ''} | ` +
          `${all.some((one) => one.isLeast) ? '≥ ' : ''}${digits(
            of((one) => one.perSecond),
            0,
          )} | ${added.join(' / ')} | ${sum((one) => one.failed)} | ` +
          `${sum((one) => one.retransmitted)} | ${sum((one) => one.dropped)} | ${memory(all)} | ` +
          `${side === 'ours' ? digits(Math.max(...all.map((one) => one.longestPause ?? 0)), 1) : ''} | ` +
          `${digits(
            of((one) => one.generatorCpu),
            0,
          )} | ${side === 'ours' ? measured : ''} |`,
      );
    }
  }
  return lines.join('\n');
}

/** MiB, and what is told besides of connections held and of minutes. */
function memory(all: readonly Measurement[]): string {
  const of = (pick: (one: Measurement) => number | undefined): number =>
    spread(all.map((one) => pick(one) ?? Number.NaN)).median;
  const growth = of((one) => one.growth) * 100;
  const each = of((one) => one.kibEach);
  return (
    digits(
      of((one) => one.rss),
      0,
    ) +
    (Number.isNaN(each) ? '' : `, ${digits(each, 0)} KiB a connection`) +
    (Number.isNaN(growth) ? '' : `, ${growth < 0 ? '−' : '+'}${digits(Math.abs(growth), 1)} %`)
  );
}

const BAR = { height: 18, gap: 8, left: 150, width: 420 };

/** Bars of CPU time, ours and theirs, a step each. */
export function chart(results: readonly StepResult[]): string {
  const rows = results
    .filter(({ compared }) => compared === 'cpu')
    .flatMap(({ title, rounds }) => [
      { title, name: 'sipcluster', fill: '#2f6f9f', cpu: cpuOf(rounds.map(({ ours }) => ours)) },
      { title: '', name: 'Kamailio', fill: '#b9b9b9', cpu: cpuOf(rounds.map(({ theirs }) => theirs)) },
    ]);
  const most = Math.max(...rows.map(({ cpu }) => cpu), 1);
  const height = rows.length * (BAR.height + BAR.gap) + 30;
  const bars = rows.map(({ title, name, fill, cpu }, i) => {
    const y = 24 + i * (BAR.height + BAR.gap);
    const width = Math.round((BAR.width * cpu) / most);
    return (
      `<text x="${BAR.left - 8}" y="${y + 13}" text-anchor="end">${title}</text>` +
      `<rect x="${BAR.left}" y="${y}" width="${width}" height="${BAR.height}" fill="${fill}"/>` +
      `<text x="${BAR.left + width + 6}" y="${y + 13}">${Math.round(cpu)} ${name}</text>`
    );
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="720" height="${height}" font-family="sans-serif" font-size="12">` +
    `<text x="${BAR.left}" y="14">CPU µs a call, REGISTER or other exchange; less is better</text>${bars.join('')}</svg>\n`
  );
}
