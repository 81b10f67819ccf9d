/** ns by piece; `unit` is what a fixed JSON text takes to be read, which stands for the machine. */
export type Times = Readonly<Record<string, number>>;

interface Verdict {
  readonly name: string;
  readonly ns: number;
  readonly before: number | undefined;
  /** 0.1: a tenth slower. */
  readonly change: number | undefined;
  /** `ns` as a multiple of the unit, and the most that it may be. */
  readonly units: number;
  readonly most: number | undefined;
  /** '' where all is well. */
  readonly fault: string;
}

/** A piece that became slower by more than this is a regression. */
const WORSE = 0.15;

/** What to say of each piece that was timed now, in the order in which they were. */
export function judge(now: Times, before: Times, budget: Times): readonly Verdict[] {
  const unit = now['unit'] ?? Number.NaN;
  return Object.entries(now)
    .filter(([name]) => name !== 'unit')
    .map(([name, ns]) => {
      const was = before[name];
      const change = was === undefined ? undefined : ns / was - 1;
      const units = ns / unit;
      const most = budget[name];
      return { name, ns, before: was, change, units, most, fault: faultOf(change, units, most) };
    });
}

function faultOf(change: number | undefined, units: number, most: number | undefined): string {
  if (change !== undefined && change > WORSE) return `slower than before by more than ${WORSE * 100} %`;
  if (most === undefined) return 'no budget: add it to budget.json';
  return units > most ? 'over its budget' : '';
}
