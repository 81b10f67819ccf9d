import {
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type Document,
  type Node,
} from 'yaml';

/** The steps to a field: names, and indices of lists. */
export type FieldPath = readonly (string | number)[];

/** One document of a manifest file, as it was written. */
export interface ManifestDocument {
  /** Plain data. */
  readonly value: unknown;
  /** Line of its first field, from 1. */
  readonly line: number;
  /** The line in the file of a field, or of the nearest one above it that is there. */
  lineOf(path: FieldPath): number;
}

/** What can't be read at all. */
export interface SyntaxProblem {
  readonly line: number;
  readonly message: string;
}

/** The documents of a YAML (or JSON) file, without empty ones, and what of it is no YAML. Merge keys and aliases are resolved. */
export function readManifest(text: string): { documents: ManifestDocument[]; problems: SyntaxProblem[] } {
  const lines = new LineCounter();
  const documents: ManifestDocument[] = [];
  const problems: SyntaxProblem[] = [];
  const parsed = parseAllDocuments(text, { lineCounter: lines, merge: true, prettyErrors: false });
  for (const document of Array.isArray(parsed) ? parsed : []) {
    if (document.errors.length > 0) {
      problems.push(...document.errors.map(({ pos, message }) => ({ line: lines.linePos(pos[0]).line, message })));
      continue;
    }
    const value = plain(document, lines, problems);
    if (value === null || value === undefined) continue;
    const lineOf = (path: FieldPath) => lines.linePos(position(document, path)).line;
    documents.push({ value, line: lineOf([]), lineOf });
  }
  return { documents, problems };
}

/** The data of a document; aliases that would blow it up are a problem of it. */
function plain(document: Document.Parsed, lines: LineCounter, problems: SyntaxProblem[]): unknown {
  try {
    return document.toJS();
  } catch (error) {
    const line = lines.linePos(document.range[0]).line;
    problems.push({ line, message: error instanceof Error ? error.message : String(error) });
    return undefined;
  }
}

/** Offset of a field in the text: of its name in an object, of the item itself in a list. */
function position(document: Document.Parsed, path: FieldPath): number {
  let node: Node | null | undefined = document.contents;
  let offset = start(node) ?? document.range[0];
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document);
    let next: unknown;
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step),
      );
      offset = start(pair?.key) ?? offset;
      next = pair?.value;
    } else if (isSeq(node)) {
      next = node.items[Number(step)];
      offset = start(next) ?? offset;
    }
    if (!isNode(next)) break;
    node = next;
  }
  return offset;
}

function start(node: unknown): number | undefined {
  return isNode(node) ? (node.range?.[0] ?? undefined) : undefined;
}
