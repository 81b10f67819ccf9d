import type { Random } from '../simulation/random.ts';
import { SPEAKERS, type Conversation, type Step } from './conversation.ts';
import { METHODS, STATUSES } from './grammar.ts';
import { mutateText } from './mutate-text.ts';

/** No conversation has more steps. */
const MAX_STEPS = 24;

/** Another conversation made of `one`, with pieces of `other`. */
export function mutate(one: Conversation, other: Conversation, random: Random): Conversation {
  let steps = [...one];
  for (let changes = random.int(1, 3); changes > 0; changes--) {
    const at = random.int(0, Math.max(steps.length - 1, 0));
    const step = steps[at];
    const what = random.int(0, 11);
    if (what <= 4 && step !== undefined) steps[at] = changed(step, other, random);
    else if (what <= 7) steps.splice(random.int(0, steps.length), 0, anyStep(random));
    else if (what === 8) steps.splice(at, random.int(1, 2));
    else if (what === 9 && step !== undefined) steps.splice(random.int(0, steps.length), 0, step);
    else if (what === 10) steps = [...steps.slice(0, at + 1), ...other.slice(random.int(0, other.length))];
    else steps.push(...other.slice(0, random.int(1, 3)));
  }
  return steps.slice(0, MAX_STEPS);
}

function changed(step: Step, other: Conversation, random: Random): Step {
  if (step.does !== 'say') {
    return 'twist' in step && random.chance(0.5) ? { ...step, twist: random.int(1, 1_000_000) } : anyStep(random);
  }
  if (random.chance(0.1)) return { ...step, who: random.pick(SPEAKERS) };
  const lent = other.find((s) => s.does === 'say')?.text ?? step.text;
  return { ...step, text: mutateText(step.text, random, lent) };
}

function anyStep(random: Random): Step {
  const which = random.chance(0.7) ? 0 : random.int(0, 5);
  const twist = random.chance(0.7) ? 0 : random.int(1, 1_000_000);
  switch (random.int(0, 6)) {
    case 0:
    case 1:
      return { does: 'answer', which, status: random.pick(STATUSES), twist };
    case 2:
      return { does: 'follow', which, method: random.pick(METHODS), twist };
    case 3:
      return { does: 'hop', which, method: random.pick(['CANCEL', 'ACK']), twist };
    case 4:
      return { does: 'again', which };
    case 5:
      return { does: 'wait', ms: random.pick([50, 500, 1000, 4000, 33_000, 200_000]) };
    default:
      return { does: 'ping', role: random.pick(['primary', 'backup']), heard: random.pick([200, 503, 'Timeout']) };
  }
}
