import { Header } from '../../../proxy/sip/header.ts';
import { AT, invite, requestIn, respond, type Scene, type Sent } from './scene.ts';

export const recordRoute = (sent: Sent): string => sent.message.value(Header.RecordRoute) ?? '';

/** Who got it. */
export const memberOf = (sent: Sent): string => sent.hop.address;

export const primaries: string[] = [AT.ss1.primary, AT.ss2.primary];

/** alice calls, her server answers: the call as both sides know it. */
export async function callUp(scene: Scene) {
  const asked = requestIn(
    await scene.receives(invite({ callId: 'call-1', fromTag: 'a', sentBy: `${AT.alice}:5060` }), AT.alice),
  );
  await scene.receives(respond(asked.message, 200, { toTag: 'b', contact: '<sip:ss@10.1.1.1>' }), asked.hop.address);
  const dialog = { callId: 'call-1', fromTag: 'a', toTag: 'b', route: [recordRoute(asked)] };
  return { server: asked.hop.address, dialog };
}
