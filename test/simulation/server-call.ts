import type { Message } from '../../proxy/sip/message.ts';
import { parseUri } from '../../proxy/sip/uri.ts';
import type { ServerTransaction } from '../../proxy/transaction/layer.ts';
import { invite } from '../builders.ts';
import { Dialog } from './dialog.ts';
import { DOMAIN, TRUNK } from './names.ts';
import type { ServerMember } from './server-member.ts';
import type { Leg, ServerCall } from './server-pair.ts';

/** A server ends a call that rings for longer, or that was answered so long ago, ms. */
const RINGS = 60_000;
const LASTS = 35_000;

/** A new call: the server calls who is called, and passes on what comes of it. */
export function connectCall(member: ServerMember, transaction: ServerTransaction, request: Message): void {
  const { world, pair, host } = member;
  const { clock, ledger } = world;
  const tag = world.unique('s', pair.name);
  const callee = parseUri(request.uri).user;
  const hop = member.proxies()[0];
  const a: Leg = { callId: request.callId, dialog: Dialog.ofInvite(request, tag) };
  const b: Leg = { callId: world.unique('leg', pair.name), dialog: undefined };
  if (hop === undefined) {
    member.answer(transaction, 500, tag);
    return;
  }
  const call: ServerCall = { a, b, state: 'SetUp', by: member };
  pair.calls.set(a.callId, call);
  pair.calls.set(b.callId, call);
  ledger.link(a.callId, b.callId, pair);

  const branch = member.newBranch();
  const outside = callee.startsWith(TRUNK) ? world.sbc.host.address : DOMAIN;
  const caller = parseUri(/<([^>]*)>/.exec(a.dialog?.remote ?? '')?.[1] ?? '').user;
  const text = invite({
    from: caller,
    fromTag: world.unique('f', pair.name),
    to: callee,
    uri: `sip:${callee}@${outside}`,
    callId: b.callId,
    cseq: 1,
    branch,
    sentBy: `${host.address}:5060`,
    transport: member.transport,
    contact: `<${member.contact}>`,
  });
  let answers = 0;
  const outgoing = member.ask(text, branch, 'INVITE', hop, {
    provisional: (message) => {
      if (message.status > 100 && call.state === 'SetUp') member.answer(transaction, message.status, tag);
    },
    final: (outcome) => {
      if (typeof outcome !== 'string' && outcome.status < 300) {
        if (b.dialog !== undefined && b.dialog.remoteTag !== outcome.toTag) {
          // two devices answered: the second one is told to hang up
          const second = Dialog.ofAnswer(outcome);
          member.acknowledge(second, outcome);
          member.inDialog(second, 'BYE', () => undefined);
          return;
        }
        const first = b.dialog === undefined;
        b.dialog ??= Dialog.ofAnswer(outcome);
        member.acknowledge(b.dialog, outcome, first ? 0 : ++answers);
        if (!first) return;
        if (call.state === 'SetUp') answered();
        else member.hangUp(b);
      } else if (call.state === 'SetUp') {
        pair.forget(call);
        member.onCancelled.delete(call);
        member.answer(
          transaction,
          typeof outcome === 'string' ? 500 : outcome.status === 503 ? 500 : outcome.status,
          tag,
        );
      }
    },
  });
  member.onCancelled.set(call, () => {
    member.onCancelled.delete(call);
    outgoing.cancel();
  });
  clock.after(RINGS, () =>
    host.happens(() => {
      if (call.state !== 'SetUp' || member.closed) return;
      pair.forget(call);
      member.answer(transaction, 480, tag);
      outgoing.cancel();
    }),
  );

  function answered(): void {
    call.state = 'Answered';
    member.onCancelled.delete(call);
    ledger.answered(a.callId, pair);
    member.accept(transaction, tag, () => hangUpBoth());
    clock.after(LASTS, hangUpBoth);
  }

  /** By the member that has the pair then. */
  function hangUpBoth(): void {
    if (call.state !== 'Answered') return;
    const { speaker } = pair;
    if (speaker === undefined) {
      clock.after(1000, hangUpBoth);
      return;
    }
    pair.forget(call);
    ledger.hungUp(a.callId);
    speaker.hangUp(a);
    speaker.hangUp(b);
  }
}
