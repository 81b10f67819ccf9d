import { Header, type HeaderId } from '../../proxy/sip/header.ts';
import type { Message } from '../../proxy/sip/message.ts';

/** Fields of which a copy may have more than what came, or others (RFC 3261 16.6, RFC 5393 5.3.3, RFC 3325). */
const ADDED: ReadonlySet<HeaderId> = new Set<HeaderId>([
  Header.Via,
  Header.RecordRoute,
  Header.MaxForwards,
  Header.MaxBreadth,
  Header.ContentLength,
]);

/** Every header line as it stands, folds included. */
function linesOf(message: Message): { id: HeaderId; text: string }[] {
  return Array.from({ length: message.fieldCount }, (_, i) => ({
    id: message.fieldId(i),
    text: message.text.slice(message.fieldStart(i), message.fieldEnd(i)),
  }));
}

/**
 * What is different in a copy although RFC 3261 16.6 names no reason for it; [] if there is nothing. `came` had no Route
 * of ours and came from a phone.
 */
export function wronglyChanged(came: Message, copy: Message): string[] {
  const wrong: string[] = [];
  if (copy.body !== came.body) wrong.push('the body');
  if (copy.uri !== came.uri) wrong.push(`Request-URI ${came.uri} -> ${copy.uri}`);
  if (copy.method !== came.method) wrong.push(`method ${came.method} -> ${copy.method}`);
  const hops = came.maxForwards < 0 ? 70 : came.maxForwards - 1;
  if (copy.maxForwards !== hops) wrong.push(`Max-Forwards ${came.maxForwards} -> ${copy.maxForwards}`);

  const kept = (message: Message): string[] =>
    linesOf(message).flatMap(({ id, text }) => (ADDED.has(id) ? [] : [text]));
  const before = kept(came).filter((text) => !/^(X-Genesys-Route|P-Asserted-Identity)\s*:/i.test(text));
  const after = kept(copy);
  for (let i = 0; i < Math.max(before.length, after.length); i++)
    if (before[i] !== after[i]) wrong.push(`${JSON.stringify(before[i])} -> ${JSON.stringify(after[i])}`);

  const vias = copy.values(Header.Via);
  const viasBefore = came.values(Header.Via);
  if (vias.length !== viasBefore.length + 1) wrong.push(`${viasBefore.length} Vias -> ${vias.length}`);
  for (let i = 1; i < viasBefore.length; i++)
    if (vias[i + 1] !== viasBefore[i]) wrong.push(`Via ${viasBefore[i] ?? ''} -> ${vias[i + 1] ?? ''}`);
  const routes = copy.values(Header.RecordRoute);
  const routesBefore = came.values(Header.RecordRoute);
  if (routes.slice(routes.length - routesBefore.length).join() !== routesBefore.join()) wrong.push('Record-Route');
  return wrong;
}
