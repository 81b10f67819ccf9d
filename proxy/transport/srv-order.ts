interface Weighted {
  readonly priority: number;
  readonly weight: number;
}

/** SRV records in the order to try them: by priority; of one priority, drawn by weight (RFC 2782). */
export function inOrder<Record extends Weighted>(records: readonly Record[], random: () => number): Record[] {
  // Weight 0 first in its priority, so that it has its very small chance of being drawn first.
  const left = records.toSorted((a, b) => a.priority - b.priority || a.weight - b.weight);
  const ordered: Record[] = [];
  for (;;) {
    const [head] = left;
    if (head === undefined) return ordered;
    const equals = left.filter((record) => record.priority === head.priority);
    const sum = equals.reduce((total, record) => total + record.weight, 0);
    const drawn = Math.floor(random() * (sum + 1));
    let running = 0;
    const chosen = equals.findIndex((record) => (running += record.weight) >= drawn);
    ordered.push(...left.splice(Math.max(chosen, 0), 1));
  }
}
