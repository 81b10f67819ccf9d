import { cancel, invite } from '../builders.ts';
import type { Caller } from './caller.ts';
import { Dialog } from './dialog.ts';
import { DOMAIN } from './names.ts';
import type { ProxyModel } from './proxy-model.ts';

/** Answered calls last so long, ms. */
const LASTS = [3000, 25_000] as const;

/** Places a call as a phone or an SBC does, and carries it through: rings, is answered, is changed, ends. */
export function outgoingCall(caller: Caller, from: string, to: string, begun: (dialog: Dialog) => void): void {
  const { world, host } = caller;
  const { random, clock, ledger } = world;
  const hop = caller.proxies()[0];
  if (hop === undefined) return;
  const callId = world.unique('call', from);
  const call = ledger.begin(callId, from, to, caller, random);
  const branch = caller.newBranch();
  const sent = {
    from,
    fromTag: world.unique('f', from),
    to,
    uri: `sip:${to}@${DOMAIN}`,
    callId,
    cseq: 1,
    branch,
    transport: caller.transport,
    sentBy: `${host.address}:5060`,
  };
  const text = invite({ ...sent, contact: `<${caller.contact}>` });
  let dialog: Dialog | undefined;
  let answers = 0;
  const transaction = caller.ask(text, branch, 'INVITE', hop, {
    final: (outcome) => {
      if (typeof outcome === 'string' || outcome.status >= 300) {
        ledger.setUp(call, outcome);
        return;
      }
      if (dialog !== undefined) {
        if (dialog.remoteTag === outcome.toTag) caller.acknowledge(dialog, outcome, ++answers);
        return;
      }
      dialog = Dialog.ofAnswer(outcome);
      begun(dialog);
      caller.acknowledge(dialog, outcome);
      ledger.setUp(call, outcome);
      talk(dialog);
    },
  });
  if (call.plan === 'NoAnswer') {
    const elsewhere = random.chance(0.4);
    clock.after(random.between(500, 6000), () =>
      host.happens(() => {
        const other = elsewhere && transaction.lastStatus > 0 ? anotherProxy() : undefined;
        if (other === undefined || transaction.lastStatus >= 200) transaction.cancel();
        else cancelThrough(other);
      }),
    );
  }

  /** A name with several addresses leads a phone's CANCEL to another proxy than its INVITE. */
  function anotherProxy(): ProxyModel | undefined {
    return world.proxiesFor(host).find((proxy) => proxy.host.address !== hop?.address);
  }

  function cancelThrough(proxy: ProxyModel): void {
    call.hosts.add(proxy.host);
    call.cancelledElsewhere = true;
    caller.ask(cancel(sent), branch, 'CANCEL', caller.hop(caller.transport, proxy.host.address), { final: () => {} });
  }

  function talk(established: Dialog): void {
    const lasts = random.between(...LASTS);
    if (random.chance(0.4)) {
      clock.after(lasts / 2, () =>
        host.happens(() => {
          if (!call.over) caller.inDialog(established, 'INVITE', (outcome) => ledger.changed(call, outcome));
        }),
      );
    }
    if (!random.chance(0.7)) return;
    clock.after(lasts, () =>
      host.happens(() => {
        if (!call.over) caller.inDialog(established, 'BYE', (outcome) => ledger.ended(call, outcome));
      }),
    );
  }
}
