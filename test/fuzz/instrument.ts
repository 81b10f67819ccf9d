import { type Node, parse } from 'acorn';

/** The name of the marks, an array in the global object. */
export const MARKS = '__reached';

/**
 * JavaScript that marks which of its branches run: `__reached[n] = 1`, with a number from `first` on for each function,
 * block, case and operand that need not be evaluated. V8's own block coverage can tell the same, but it keeps functions
 * from being optimised and takes milliseconds to ask: ten conversations a second, where this plays hundreds.
 */
export function instrument(source: string, first: number): { text: string; marks: number } {
  const inserted: { at: number; text: string }[] = [];
  let marks = 0;
  const mark = (): string => `${MARKS}[${first + marks++}]=1`;
  const statement = (node: Node): void => {
    if (node.type === 'BlockStatement') inserted.push({ at: node.start + 1, text: `${mark()};` });
    else inserted.push({ at: node.start, text: `{${mark()};` }, { at: node.end, text: '}' });
  };
  const expression = (node: Node): void => {
    inserted.push({ at: node.start, text: `(${mark()},` }, { at: node.end, text: ')' });
  };

  const visit = (node: Node): void => {
    const { body, consequent, alternate, right } = node as Parts;
    switch (node.type) {
      case 'FunctionDeclaration':
      case 'FunctionExpression':
      case 'ForStatement':
      case 'ForOfStatement':
      case 'ForInStatement':
      case 'WhileStatement':
      case 'DoWhileStatement':
        if (isNode(body)) statement(body);
        break;
      case 'ArrowFunctionExpression':
        if (isNode(body)) (body.type === 'BlockStatement' ? statement : expression)(body);
        break;
      case 'IfStatement':
        if (isNode(consequent)) statement(consequent);
        if (isNode(alternate)) statement(alternate);
        break;
      case 'ConditionalExpression':
        if (isNode(consequent)) expression(consequent);
        if (isNode(alternate)) expression(alternate);
        break;
      case 'LogicalExpression':
        if (isNode(right)) expression(right);
        break;
      case 'SwitchCase': {
        const [start] = Array.isArray(consequent) ? consequent.filter(isNode) : [];
        if (start !== undefined) inserted.push({ at: start.start, text: `${mark()};` });
        break;
      }
      default:
    }
    for (const value of Object.values(node)) {
      if (isNode(value)) visit(value);
      else if (Array.isArray(value)) value.filter(isNode).forEach(visit);
    }
  };
  visit(parse(source, { ecmaVersion: 'latest', sourceType: 'module' }));

  // Where one ends and another begins, the inner one was asked for later
  const order = inserted.map((one, index) => ({ ...one, index }));
  order.sort((a, b) => a.at - b.at || (isEnd(a.text) && isEnd(b.text) ? b.index - a.index : a.index - b.index));
  let text = '';
  let at = 0;
  for (const one of order) {
    text += source.slice(at, one.at) + one.text;
    at = one.at;
  }
  return { text: text + source.slice(at), marks };
}

interface Parts {
  readonly body?: unknown;
  readonly consequent?: unknown;
  readonly alternate?: unknown;
  readonly right?: unknown;
}

function isEnd(text: string): boolean {
  return text === ')' || text === '}';
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value && 'end' in value;
}
