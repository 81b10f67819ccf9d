import { expect } from 'chai';
import { Invites } from '../../../proxy/transaction/invites.ts';
import type { ServerTransaction } from '../../../proxy/transaction/server-transaction.ts';
import { invite, respond } from '../../builders.ts';
import { Scene } from './scene.ts';

/** As many as there are branches, of one call. */
function received(...branches: string[]): ServerTransaction[] {
  const scene = new Scene();
  for (const branch of branches) scene.receive(invite({ branch, callId: 'call-1', cseq: 1 }));
  return scene.servers;
}

describe('INVITEs by what they have but their sent-by', () => {
  it('are forgotten once they end, refused or not', () => {
    const invites = new Invites();
    const [one, other] = received('z9hG4bKone', 'z9hG4bKother') as [ServerTransaction, ServerTransaction];
    invites.add(one);
    invites.add(other);
    invites.refused(one);
    expect(invites.size).to.equal(4);
    invites.delete(one);
    invites.delete(other);
    expect(invites.size).to.equal(0);
  });

  it('have one that was refused for a call: the first, whatever becomes of another', () => {
    const invites = new Invites();
    const [first, second] = received('z9hG4bKone', 'z9hG4bKother') as [ServerTransaction, ServerTransaction];
    invites.add(first);
    invites.add(second);
    invites.refused(first);
    invites.refused(second);
    first.respond(respond(invite({ branch: 'z9hG4bKone', callId: 'call-1', cseq: 1 }), 486), 486);
    invites.delete(second);
    const { request: ack } = first;
    Object.assign(ack, { toTag: 'to-1' });
    expect(invites.refusedBefore(ack, '127.0.0.1')).to.equal(first);
    invites.delete(first);
    expect(invites.refusedBefore(ack, '127.0.0.1')).to.equal(undefined);
  });

  it('have the first of a branch that is not unique, until it ends', () => {
    const invites = new Invites();
    const [first, second] = [...received('z9hG4bKsame'), ...received('z9hG4bKsame')] as [
      ServerTransaction,
      ServerTransaction,
    ];
    invites.add(first);
    invites.add(second);
    expect(invites.from('127.0.0.1', first.key)).to.equal(first);
    invites.delete(second);
    expect(invites.from('127.0.0.1', first.key)).to.equal(first);
    invites.delete(first);
    expect(invites.from('127.0.0.1', first.key)).to.equal(undefined);
  });
});
