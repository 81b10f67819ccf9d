/**
 * Draws the oos-check's table as Mermaid, for docs/oos-check.md. Run it to put the drawing there; a test sees to it that
 * the two agree.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { oosCheck, type Deed, type Seen } from '../../proxy/upstream/oos-check.ts';

const PAGE = new URL('../../docs/oos-check.md', import.meta.url);
const BEGIN = '<!-- drawn by test/tools/draw-oos-check.ts -->';
const END = '<!-- end of drawing -->';

const SEEN: Readonly<Record<Seen, string>> = {
  awaited: 'the preferred one not heard yet',
  preferredInService: 'the preferred one in service',
  activeInService: 'active in service',
  activeLostOtherInService: 'active Standby or Down, other in service',
  activeUnreachable: 'transport error of the active',
  neitherInService: 'active Standby or Down, other not in service',
  otherInService: 'other in service',
  otherInServiceDamped: 'other in service, but held back',
  otherOut: 'other Standby or Down',
  oneInService: 'one in service',
  noneInService: 'none in service',
  requestFromActive: 'request from the active',
  requestFromOther: 'request from the other',
  transportError: 'transport error',
  hint: 'another proxy switched',
  claimExpired: 'no answer in service within the timeout',
  fastPingsOver: '30 s over',
};

const DONE: Readonly<Record<Deed, string>> = {
  takeThatOne: 'it becomes active',
  takeOther: 'the other becomes active',
  release: 'none is active',
  prefer: 'it is preferred',
  pingBoth: 'ping both at once',
};

const allSeen = Object.keys(SEEN).filter((key): key is Seen => key in SEEN);

/** The diagram: every transition that goes somewhere or does something. */
export function drawing(): string {
  const lines = [
    '```mermaid',
    'stateDiagram-v2',
    '  [*] --> Starting',
    '  [*] --> Active: peers publish an active member',
    '  [*] --> Unchecked: interval 0',
  ];
  for (const [phase, row] of Object.entries(oosCheck)) {
    for (const seen of allSeen) {
      const transition = row[seen];
      if (transition === undefined || (transition.to === phase && transition.deeds.length === 0)) continue;
      const done = transition.deeds.map((deed) => DONE[deed]).join(', ');
      lines.push(`  ${phase} --> ${transition.to}: ${SEEN[seen]}${done === '' ? '' : ` / ${done}`}`);
    }
  }
  return [...lines, '```'].join('\n');
}

/** The page as it is, and as it should be. */
export function page(): { readonly is: string; readonly should: string } {
  const is = readFileSync(PAGE, 'utf8');
  const begin = is.indexOf(BEGIN);
  const end = is.indexOf(END);
  if (begin < 0 || end < begin)
    throw new Error('docs/oos-check.md has lost the marks between which the drawing stands');
  return { is, should: `${is.slice(0, begin)}${BEGIN}\n\n${drawing()}\n\n${is.slice(end)}` };
}

if (import.meta.main) writeFileSync(PAGE, page().should);
