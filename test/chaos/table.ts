import type { Fault } from './fault.ts';
import type { Outcome } from './outcome.ts';

/** The table of docs/failover.md. */
export function table(results: ReadonlyMap<Fault, readonly Outcome[]>): string {
  const head = [
    ['fault', 'runs', 'calls up', 'calls lost', 'set-ups', 'set-ups lost'],
    ['REGISTERs', 'REGISTERs lost', 'registrations lost'],
    ['switched, p50 / max', 'disturbed, p50 / max', 'promised'],
  ].flat();
  const rows = [...results].map(([fault, outcomes]) => {
    const sum = (of: (outcome: Outcome) => number): number => outcomes.reduce((total, one) => total + of(one), 0);
    const switched = outcomes.flatMap((outcome) => outcome.switched ?? []);
    return [
      fault.what,
      String(outcomes.length),
      String(sum(({ callsUp }) => callsUp)),
      String(sum(({ callsLost }) => callsLost)),
      setUps(
        sum(({ setups }) => setups),
        sum(({ setupsAcross }) => setupsAcross),
      ),
      lostOf(
        sum(({ setupsLost }) => setupsLost),
        sum(({ setupsLostLate }) => setupsLostLate),
      ),
      String(sum(({ registers }) => registers)),
      String(sum(({ registersLost }) => registersLost)),
      String(sum(({ registrationsLost }) => registrationsLost)),
      spread(switched),
      spread(outcomes.map(({ disturbed }) => disturbed)),
      fault.promise,
    ];
  });
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/**
 * `known`, a table of before, with the rows of `results` in place of its own, in the order of `faults`. A column that it
 * did not have is left open in its rows.
 */
export function merged(
  known: string,
  results: ReadonlyMap<Fault, readonly Outcome[]>,
  faults: readonly Pick<Fault, 'what'>[],
): string {
  const [head = '', line = '', ...now] = table(results).split('\n');
  const [before = '', , ...old] = known.trim().split('\n');
  const columns = cellsOf(before);
  const kept = old.map((row) => {
    const cells = cellsOf(row);
    const cell = (column: string): string => cells[columns.indexOf(column)] ?? '–';
    return `| ${cellsOf(head).map(cell).join(' | ')} |`;
  });
  const rows = new Map([...kept, ...now].map((row) => [cellsOf(row)[0] ?? '', row]));
  const names = new Set([...faults.map(({ what }) => what), ...rows.keys()]);
  return [head, line, ...[...names].flatMap((name) => rows.get(name) ?? [])].join('\n');
}

function cellsOf(row: string): string[] {
  return row.replace(/^\| | \|$/g, '').split(' | ');
}

function setUps(judged: number, across: number): string {
  return across === 0 ? String(judged) : `${judged} + ${across} across the cut`;
}

function lostOf(before: number, late: number): string {
  return late === 0 ? String(before) : `${before} + ${late} against the promise`;
}

/** Median and greatest, in seconds. */
function spread(values: readonly number[]): string {
  if (values.length === 0) return '–';
  const sorted = values.toSorted((a, b) => a - b);
  const median = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
  return `${seconds(median)} / ${seconds(sorted.at(-1) ?? 0)}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
