/** Who speaks with the proxy under test. */
export const SPEAKERS = ['alice', 'bob', 'stream', 'sbc', 'ss1', 'ss1-backup', 'ss2', 'proxy', 'stranger'] as const;
export type Speaker = (typeof SPEAKERS)[number];

/** One thing that happens to the proxy. Numbers that choose among what there is are taken modulo how many there are. */
export type Step =
  /** A whole message, a character a byte. */
  | { readonly does: 'say'; readonly who: Speaker; readonly text: string }
  /** Whoever got the `which`-last request answers it; with a `twist` the answer is mutated, by that seed. */
  | { readonly does: 'answer'; readonly which: number; readonly status: number; readonly twist: number }
  /** A request inside the dialog of the `which`-last 2xx that came out, by whoever got it. */
  | { readonly does: 'follow'; readonly which: number; readonly method: string; readonly twist: number }
  /** CANCEL or non-2xx ACK of the `which`-last INVITE said. */
  | { readonly does: 'hop'; readonly which: number; readonly method: 'CANCEL' | 'ACK'; readonly twist: number }
  /** The `which`-last message said comes again, from the same place. */
  | { readonly does: 'again'; readonly which: number }
  | { readonly does: 'wait'; readonly ms: number }
  /** What oos-check hears from a member of ss1. */
  | { readonly does: 'ping'; readonly role: 'primary' | 'backup'; readonly heard: 200 | 503 | 'Timeout' };

/** What the proxy goes through: the fuzzer's input. */
export type Conversation = readonly Step[];

const MARK = '=== ';

/** The form that the corpus keeps: a line `=== …` for each step, and for `say` the message after it, byte for byte. */
export function written(conversation: Conversation): string {
  return conversation
    .map((step) => {
      switch (step.does) {
        case 'say':
          return `${MARK}say ${step.who}\n${step.text}\n`;
        case 'answer':
          return `${MARK}answer ${step.which} ${step.status} ${step.twist}\n`;
        case 'follow':
        case 'hop':
          return `${MARK}${step.does} ${step.which} ${step.method} ${step.twist}\n`;
        case 'again':
          return `${MARK}again ${step.which}\n`;
        case 'wait':
          return `${MARK}wait ${step.ms}\n`;
        case 'ping':
          return `${MARK}ping ${step.role} ${step.heard}\n`;
      }
    })
    .join('');
}

/** The other way. Throws an Error that names the line it does not understand. */
export function read(text: string): Conversation {
  const steps: Step[] = [];
  for (let at = 0; at < text.length;) {
    const lineEnd = text.indexOf('\n', at);
    const next = text.indexOf(`\n${MARK}`, lineEnd < 0 ? text.length : lineEnd);
    const end = next < 0 ? text.length : next + 1;
    const line = text.slice(at, lineEnd < 0 ? text.length : lineEnd);
    steps.push(stepOf(line, text.slice(at + line.length + 1, end - 1)));
    at = end;
  }
  return steps;
}

function stepOf(line: string, said: string): Step {
  const [, does, ...words] = line.split(' ');
  const [first = '', second = '', third = ''] = words;
  switch (does) {
    case 'say':
      if (!isSpeaker(first)) break;
      return { does, who: first, text: said };
    case 'answer':
      return { does, which: Number(first), status: Number(second), twist: Number(third) };
    case 'follow':
      return { does, which: Number(first), method: second, twist: Number(third) };
    case 'hop':
      return { does, which: Number(first), method: second === 'ACK' ? 'ACK' : 'CANCEL', twist: Number(third) };
    case 'again':
      return { does, which: Number(first) };
    case 'wait':
      return { does, ms: Number(first) };
    case 'ping':
      return {
        does,
        role: first === 'backup' ? 'backup' : 'primary',
        heard: second === '200' ? 200 : second === '503' ? 503 : 'Timeout',
      };
    default:
  }
  throw new Error(`a conversation has no step '${line}'`);
}

function isSpeaker(word: string): word is Speaker {
  return (SPEAKERS as readonly string[]).includes(word);
}
