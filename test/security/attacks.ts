import type { Token } from '../../proxy/routing/token.ts';
import { Header } from '../../proxy/sip/header.ts';
import { AT, invite, requestIn, respond, type Scene, type Sent } from '../proxy/routing/scene.ts';

/** Who attacks, from where no phone of the cast is, and whom the attacks are to hit. */
export const MALLORY = '203.0.113.9';
export const VICTIM = '203.0.113.66';

export const PRIMARIES: readonly string[] = [AT.ss1.primary, AT.ss2.primary];

/** Everybody that something was sent to. */
export function reached(sent: readonly Sent[]): string[] {
  return [...new Set(sent.map(({ hop }) => hop.address))];
}

/** A token that the cluster itself signed for this Call-ID. */
export function signed(scene: Scene, token: Token, callId: string): string {
  const text = scene.core.signer.sign(token, callId, scene.time);
  if (text === undefined) throw new Error('the scene has no key');
  return text;
}

/** mallory's own call, answered by her server: what she knows of it. */
export async function ownCall(scene: Scene) {
  const dialog = { callId: 'own', fromTag: 'm', sentBy: `${MALLORY}:5060` };
  const asked = requestIn(await scene.receives(invite(dialog), MALLORY));
  const answer = respond(asked.message, 200, { toTag: 'b', contact: `<sip:ss@${asked.hop.address}>` });
  await scene.receives(answer, asked.hop.address);
  const recordRoute = asked.message.value(Header.RecordRoute) ?? '';
  return { server: asked.hop.address, recordRoute, dialog: { ...dialog, toTag: 'b', route: [recordRoute] } };
}
