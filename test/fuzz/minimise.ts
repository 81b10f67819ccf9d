import type { Conversation, Step } from './conversation.ts';

/** Tries for one failure: what is left then is small enough to read. */
const MOST_TRIES = 3000;

/**
 * The smallest conversation found that still fails (delta debugging): whole steps go first, then lines of messages, then
 * characters. `fails` is asked once a try.
 */
export async function minimise(
  conversation: Conversation,
  fails: (smaller: Conversation) => Promise<boolean>,
): Promise<Conversation> {
  let tries = MOST_TRIES;
  const stillFails = async (smaller: Conversation): Promise<boolean> => tries-- > 0 && fails(smaller);

  let steps = await fewer(conversation, stillFails);
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i];
    if (step?.does !== 'say') continue;
    const withText = (text: string): Step[] => steps.with(i, { ...step, text });
    const lines = await fewer(step.text.split(/(?<=\r\n)/), async (some) => stillFails(withText(some.join(''))));
    const characters = await fewer(lines.join('').split(''), async (some) => stillFails(withText(some.join(''))));
    steps = withText(characters.join(''));
  }
  return steps;
}

/** Leaves out ever smaller runs of parts as long as it still fails. */
async function fewer<T>(all: readonly T[], fails: (some: T[]) => Promise<boolean>): Promise<T[]> {
  let kept = [...all];
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < kept.length;) {
      const some = kept.toSpliced(at, size);
      if (await fails(some)) kept = some;
      else at += size;
    }
  }
  return kept;
}
