import { expect } from 'chai';
import fc from 'fast-check';
import type { ClientTransaction } from '../../../proxy/transaction/client-transaction.ts';
import { Unanswered } from '../../../proxy/transaction/unanswered.ts';
import type { Hop } from '../../../proxy/transport/hop.ts';
import { options, respond } from '../../builders.ts';
import { connection, hopTo, Owner, Scene } from './scene.ts';

/** A transaction to `hop` that no layer waits for any more. */
function transaction(scene: Scene, hop: Hop): ClientTransaction {
  const request = options();
  const made = scene.send(request, new Owner(), hop);
  scene.receive(respond(request, 200), hop);
  return made;
}

describe('client transactions without a final response', () => {
  it('are found by their hop, oldest first, whatever came and went before', () => {
    const scene = new Scene();
    const hops = [hopTo('UDP'), hopTo('UDP', '127.0.0.1', 5070), hopTo('UDP', '127.0.0.2')];
    const all = Array.from({ length: 9 }, (_, i) => transaction(scene, hops[i % hops.length] ?? hopTo('UDP')));
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 8 }), { maxLength: 40 }), (steps) => {
        const unanswered = new Unanswered();
        let waiting: ClientTransaction[] = [];
        for (const step of steps) {
          const one = all[step];
          if (one === undefined) continue;
          if (waiting.includes(one)) {
            unanswered.delete(one);
            waiting = waiting.filter((other) => other !== one);
          } else {
            unanswered.add(one);
            waiting.push(one);
          }
          for (const hop of hops)
            expect(unanswered.over(hop)).to.deep.equal(waiting.filter((other) => other.hop === hop));
        }
        for (const one of waiting) unanswered.delete(one);
      }),
    );
  });

  it('have nothing to do with a hop of another port, transport or connection', () => {
    const scene = new Scene();
    const unanswered = new Unanswered();
    const flow = connection(1);
    const one = transaction(scene, hopTo('TCP', '127.0.0.1', 5060, flow));
    unanswered.add(one);
    expect(unanswered.over(hopTo('TCP', '127.0.0.1', 5060, flow))).to.deep.equal([one]);
    for (const other of [
      hopTo('TCP', '127.0.0.1', 5061, flow),
      hopTo('TLS', '127.0.0.1', 5060, flow),
      hopTo('TCP', '127.0.0.1', 5060, connection(2)),
      hopTo('TCP', '127.0.0.1', 5060),
      hopTo('TCP', '127.0.0.2', 5060, flow),
    ])
      expect(unanswered.over(other)).to.deep.equal([]);
  });

  it('keep the addresses of those that are gone, but no more than a thousand', () => {
    const scene = new Scene();
    const unanswered = new Unanswered();
    const all = Array.from({ length: 1100 }, (_, i) =>
      transaction(scene, hopTo('UDP', `127.0.${Math.trunc(i / 200)}.${i % 200}`)),
    );
    for (const one of all) unanswered.add(one);
    expect(unanswered.addresses).to.equal(1100);
    for (const one of all) unanswered.delete(one);
    expect(unanswered.addresses).to.equal(1000);
    for (const one of all) {
      unanswered.add(one);
      expect(unanswered.over(one.hop)).to.deep.equal([one]);
      unanswered.delete(one);
    }
    expect(unanswered.addresses).to.be.at.most(1001);
  });

  it('may be deleted without having been added', () => {
    const scene = new Scene();
    const unanswered = new Unanswered();
    const [first, second] = [transaction(scene, hopTo('UDP')), transaction(scene, hopTo('UDP'))];
    unanswered.add(first);
    unanswered.delete(second);
    expect(unanswered.over(hopTo('UDP'))).to.deep.equal([first]);
    expect([first.earlier, first.later]).to.deep.equal([undefined, undefined]);
  });
});
