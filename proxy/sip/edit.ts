import type { HeaderId } from './header.ts';
import { afterFirstValue } from './list.ts';
import type { Message } from './message.ts';

/** A change at one field: `text`, then what the field has from offset `from` on. */
interface Step {
  /** Twice the field's index; one more for a change of the field itself, after what is inserted before it. */
  readonly key: number;
  text: string;
  from: number;
}

/**
 * Makes a new text of a message that parseMessage returned: what is not named here stays byte for byte and in order
 * (RFC 3261 16.6: a proxy must not reorder, and leaves alone what it has no reason to touch). Lines and values are the
 * caller's to keep free of CRLF.
 */
export class Edit {
  private readonly message: Message;
  private startLine = '';
  /** In order of `key`, one each. */
  private readonly steps: Step[] = [];
  private appended = '';

  constructor(message: Message) {
    this.message = message;
  }

  requestUri(uri: string): this {
    this.startLine = `${this.message.method} ${uri} SIP/2.0\r\n`;
    return this;
  }

  status(code: number, reason: string): this {
    this.startLine = `SIP/2.0 ${code} ${reason}\r\n`;
    return this;
  }

  /**
   * A new field line ('Via: …', no CRLF) before the first field with this id, or after the start line if there is none.
   * Of several, the last one given is topmost.
   */
  before(id: HeaderId, line: string): this {
    const index = Math.max(this.message.find(id), 0);
    const step = this.step(index * 2, this.message.fieldStart(index));
    step.text = `${line}\r\n${step.text}`;
    return this;
  }

  /** A new field line after the last field. */
  append(line: string): this {
    this.appended += `${line}\r\n`;
    return this;
  }

  /** Removes the field at `index`. */
  remove(index: number): this {
    return this.change(index, '', this.message.fieldEnd(index));
  }

  /** Gives the field at `index` another value; its name stays as written. */
  replace(index: number, value: string): this {
    return this.change(index, `${this.nameOf(index)}${value}\r\n`, this.message.fieldEnd(index));
  }

  /** Gives the first value of the field at `index` another text; what follows it from offset `from` on stays. */
  replaceFirst(index: number, value: string, from: number): this {
    return this.change(index, `${this.nameOf(index)}${value}`, from);
  }

  /**
   * Removes the topmost value of all fields with this id that is still there, which may be one of several on its line.
   * Nothing happens if there is none left.
   */
  dropFirstValue(id: HeaderId): this {
    const { message } = this;
    for (let i = message.find(id); i >= 0; i = message.find(id, i + 1)) {
      const end = message.fieldEnd(i);
      const step = this.changeOf(i);
      if (step === undefined || step.from < end) {
        const next = afterFirstValue(message.text, step?.from ?? message.valueStart(i), end);
        return next < 0 ? this.remove(i) : this.change(i, this.nameOf(i), next);
      }
      if (step.text !== '') {
        const name = this.nameOf(i);
        const next = afterFirstValue(step.text, name.length, step.text.length);
        return next < 0 ? this.remove(i) : this.change(i, name + step.text.slice(next), end);
      }
    }
    return this;
  }

  /** The new text; without any change it is the old one. */
  render(): string {
    const { message, steps } = this;
    const { text } = message;
    let rendered = this.startLine;
    let kept = rendered === '' ? 0 : text.indexOf('\r\n') + 2;
    for (const step of steps) {
      rendered += text.slice(kept, message.fieldStart(step.key >> 1)) + step.text;
      kept = step.from;
    }
    if (this.appended === '') return rendered + text.slice(kept);
    const headEnd = message.bodyStart - 2;
    return rendered + text.slice(kept, headEnd) + this.appended + text.slice(headEnd);
  }

  /** The field's name as written, its colon and a space. */
  private nameOf(index: number): string {
    const { message } = this;
    return `${message.text.slice(message.fieldStart(index), message.valueStart(index))} `;
  }

  private change(index: number, text: string, from: number): this {
    const step = this.step(index * 2 + 1, from);
    step.text = text;
    step.from = from;
    return this;
  }

  private changeOf(index: number): Step | undefined {
    for (const step of this.steps) if (step.key === index * 2 + 1) return step;
    return undefined;
  }

  private step(key: number, from: number): Step {
    const { steps } = this;
    let at = steps.length;
    while (at > 0) {
      const last = steps[at - 1];
      if (last === undefined || last.key < key) break;
      if (last.key === key) return last;
      at--;
    }
    const step: Step = { key, text: '', from };
    if (at === steps.length) steps.push(step);
    else steps.splice(at, 0, step);
    return step;
  }
}
