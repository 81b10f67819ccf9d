/** A V8 CPU profile, as far as it is read here. Times in µs. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
  readonly startTime: number;
}

/** A function in one place of the call tree, with all that it called. */
export interface Frame {
  readonly name: string;
  /** µs, with what it called, and by itself. */
  total: number;
  self: number;
  readonly children: Map<string, Frame>;
}

/** The call tree of what was sampled from `from` on, µs after the profile's start; idle time is left out. */
export function callTree(profile: CpuProfile, from: number): Frame {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map<number, number>();
  for (const { id, children } of profile.nodes) for (const child of children ?? []) parents.set(child, id);
  const root: Frame = { name: 'all', total: 0, self: 0, children: new Map() };
  let at = 0;
  profile.samples.forEach((sample, i) => {
    const spent = profile.timeDeltas[i] ?? 0;
    at += spent;
    if (at < from) return;
    const stack: string[] = [];
    for (let id: number | undefined = sample; id !== undefined; id = parents.get(id)) {
      const node = nodes.get(id);
      if (node !== undefined && parents.has(id)) stack.push(nameOf(node.callFrame));
    }
    if (stack[0] === '(idle)') return;
    root.total += spent;
    let frame = root;
    for (const name of stack.toReversed()) {
      let child = frame.children.get(name);
      if (child === undefined) {
        child = { name, total: 0, self: 0, children: new Map() };
        frame.children.set(name, child);
      }
      child.total += spent;
      frame = child;
    }
    frame.self += spent;
  });
  return root;
}

/** Each function's own share of all time, greatest first. */
export function selfShares(root: Frame): [name: string, share: number][] {
  const shares = new Map<string, number>();
  const add = (frame: Frame): void => {
    shares.set(frame.name, (shares.get(frame.name) ?? 0) + frame.self / root.total);
    for (const child of frame.children.values()) add(child);
  };
  add(root);
  return [...shares].sort(([, a], [, b]) => b - a);
}

const WIDTH = 1200;
const ROW = 17;
/** Narrower ones are left out, px. */
const NARROWEST = 0.5;

/** The tree as an SVG: the root at the bottom, each function above the one that called it, as wide as its time. */
export function flameGraph(root: Frame): string {
  const boxes: string[] = [];
  let deepest = 0;
  const draw = (frame: Frame, x: number, depth: number): void => {
    const width = (frame.total / root.total) * WIDTH;
    if (width < NARROWEST) return;
    deepest = Math.max(deepest, depth);
    const share = ((frame.total / root.total) * 100).toFixed(1);
    const text = escape(frame.name.slice(0, Math.floor(width / 7)));
    boxes.push(
      `<g><title>${escape(frame.name)}: ${share} %</title>` +
        `<rect x="${x.toFixed(1)}" y="${-(depth + 1) * ROW}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="${colour(frame.name)}"/>` +
        `<text x="${(x + 2).toFixed(1)}" y="${-depth * ROW - 5}">${text}</text></g>`,
    );
    let left = x;
    for (const child of [...frame.children.values()].toSorted((a, b) => b.total - a.total)) {
      draw(child, left, depth + 1);
      left += (child.total / root.total) * WIDTH;
    }
  };
  draw(root, 0, 0);
  const height = (deepest + 1) * ROW;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 ${-height} ${WIDTH} ${height}" ` +
    `font-family="monospace" font-size="11">${boxes.join('')}</svg>\n`
  );
}

function nameOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const file = url.split('/').slice(-2).join('/');
  return `${functionName === '' ? 'anonymous' : functionName}${file === '' ? '' : ` ${file}:${lineNumber + 1}`}`;
}

/** Ours, the runtime's, and what is no function. */
function colour(name: string): string {
  if (name.startsWith('(')) return '#c9c9c9';
  return / (?:internal\/|node:)/.test(name) ? '#8fb7d9' : '#e8a35c';
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
