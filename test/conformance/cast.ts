import type { ProxyConfig } from '../../proxy/config.ts';
import { Header } from '../../proxy/sip/header.ts';
import { type RegisterOptions, invite, respond, type RequestOptions, type ResponseOptions } from '../builders.ts';
import { AT, requestIn, Scene, type Sent } from '../proxy/routing/scene.ts';

/** A proxy with listeners of every kind that the scene has, and both pairs' primaries active. */
export async function stage(changes: Partial<ProxyConfig> = {}): Promise<Scene> {
  return Scene.begin({
    listeners: [
      { transport: 'UDP', port: 5060, side: 'Both' },
      { transport: 'TCP', port: 5060, side: 'Both' },
      { transport: 'TLS', port: 5061, side: 'Both' },
    ],
    ...changes,
  });
}

/** Where bob's phones are, one contact each. */
export const BOB_AT = [AT.bob, '192.0.2.13', '192.0.2.14'] as const;

/** bob registers from `count` phones, one after the other; `q` are their q-values. */
export async function bobRegisters(scene: Scene, count: number, q: readonly string[] = []): Promise<void> {
  for (let i = 0; i < count; i++) {
    const at = BOB_AT[i] ?? AT.bob;
    const contact = `<sip:bob@${at}:5060>${q[i] === undefined ? '' : `;q=${q[i]}`}`;
    await scene.registers('bob', at, { callId: `registration-${i}`, contact } satisfies RegisterOptions);
  }
}

/** An INVITE for bob's AOR, from the server ss1. */
export function callToBob(given: RequestOptions = {}): string {
  return invite({ uri: 'sip:bob@example.com', to: 'bob', sentBy: `${AT.ss1.primary}:5060`, ...given });
}

/** The server calls bob; the INVITEs that went out. */
export async function rings(scene: Scene, given: RequestOptions = {}): Promise<Sent[]> {
  return requests(await scene.receives(callToBob(given), AT.ss1.primary));
}

/** Without what was only sent again: nobody acknowledges anything here. */
export function distinct(sent: readonly Sent[]): Sent[] {
  return sent.filter((s, i) => sent.findIndex((other) => other.text === s.text && other.hop === s.hop) === i);
}

export function requests(sent: readonly Sent[], method?: string): Sent[] {
  return sent.filter((s) => s.message.isRequest && (method === undefined || s.message.method === method));
}

/** The responses among what was sent, without the 100 that says only that the proxy is at work. */
export function answers(sent: readonly Sent[]): Sent[] {
  return sent.filter((s) => !s.message.isRequest && s.message.status > 100);
}

export function statusesOf(sent: readonly Sent[]): number[] {
  return answers(sent).map((s) => s.message.status);
}

/** Who got `asked` answers it; what the proxy sends because of that. */
export async function answered(
  scene: Scene,
  asked: Sent,
  status: number,
  given: ResponseOptions = {},
): Promise<Sent[]> {
  return scene.receives(respond(asked.message, status, given), asked.hop.address, asked.hop.port, asked.hop.transport);
}

/** alice's phone calls; the INVITE as her pair gets it. */
export async function aliceCalls(scene: Scene, given: RequestOptions = {}): Promise<Sent> {
  return requestIn(await scene.receives(invite({ sentBy: `${AT.alice}:5060`, ...given }), AT.alice));
}

export function recordRoutes(sent: Sent): readonly string[] {
  return sent.message.values(Header.RecordRoute);
}

export function routes(sent: Sent): readonly string[] {
  return sent.message.values(Header.Route);
}

export { AT, requestIn, Scene, type Sent };
