import { expect } from 'chai';
import * as fc from 'fast-check';
import { parseMessage } from '../../../proxy/sip/message.ts';
import type { Transport } from '../../../proxy/transport/hop.ts';
import { ack, cancel, request, respond } from '../../builders.ts';
import { hopTo, Owner, Scene } from './scene.ts';

const SAME = { branch: 'z9hG4bKany', sentBy: '127.0.0.1:5060', callId: 'call-1', fromTag: 'alice-1', toTag: '' };
/** Longer than any machine waits for anything: a cancelled INVITE whose 487 is never acknowledged. */
const LONG = 200_000;

const method = fc.constantFrom('INVITE', 'OPTIONS');
const transport = fc.constantFrom<Transport>('UDP', 'TCP');
const status = fc.constantFrom(100, 180, 183, 200, 202, 302, 401, 408, 486, 487, 503, 603);
const toTag = fc.constantFrom('fork-1', 'fork-2');
const pause = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 5000, max: 40_000 }));

const clientStep = fc.record({
  pause,
  does: fc.oneof(
    fc.record({ event: fc.constant('response' as const), status, toTag }),
    fc.record({ event: fc.constantFrom('cancel', 'abandon', 'transportError', 'cancelAnswered') }),
  ),
});

const serverStep = fc.record({
  pause,
  does: fc.oneof(
    fc.record({ event: fc.constant('respond' as const), status, toTag }),
    fc.record({ event: fc.constantFrom('request' as const, 'ack' as const, 'cancel' as const) }),
  ),
});

function finals(heard: readonly (number | string)[]): (number | string)[] {
  return heard.filter((what) => typeof what === 'string' || what >= 200);
}

describe('whatever happens in whatever order', () => {
  it('a client transaction ends, tells one outcome (or 2xx only), and leaves no timer', () => {
    fc.assert(
      fc.property(method, transport, fc.array(clientStep, { maxLength: 20 }), (name, over, steps) => {
        const scene = new Scene();
        const owner = new Owner();
        const text = request(name, SAME);
        const transaction = scene.send(text, owner, hopTo(over));
        let abandonedAfter = Infinity;
        for (const { pause: ms, does } of steps) {
          scene.advance(ms);
          if (does.event === 'response') {
            scene.receive(respond(text, does.status, { toTag: does.toTag }), hopTo(over));
          } else if (does.event === 'cancel') transaction.cancel();
          else if (does.event === 'transportError') {
            const before = owner.heard.length;
            scene.layer.transportError(hopTo(over));
            // No outcome yet: the owner of a ringing INVITE is told, and may go on waiting
            if (transaction.state.name === 'Proceeding') owner.heard.length = before;
          } else if (does.event === 'cancelAnswered') {
            const sent = scene.sent.find(({ message }) => message.method === 'CANCEL');
            if (sent !== undefined) scene.receive(respond(sent.message, 200), hopTo(over));
          } else {
            transaction.abandon();
            abandonedAfter = Math.min(abandonedAfter, owner.heard.length);
          }
        }
        // The proxy's Timer C: it does not let an INVITE ring for ever
        transaction.cancel();
        scene.advance(LONG);

        expect(transaction.state.name).to.equal('Terminated');
        expect(scene.layer.idle).to.equal(true);
        expect(scene.timers.size).to.equal(0);
        const outcomes = finals(owner.heard);
        const forked = name === 'INVITE' && outcomes.every((what) => what === 200 || what === 202);
        if (!forked) expect(outcomes).to.have.lengthOf.at.most(1);
        if (abandonedAfter === Infinity) expect(outcomes).not.to.have.lengthOf(0);
        else expect(owner.heard).to.have.length(abandonedAfter);
        expect(owner.heard.slice(owner.heard.findIndex((what) => finals([what]).length > 0))).to.satisfy(
          (after: (number | string)[]) => outcomes.length === 0 || finals(after).length === after.length,
        );

        const sent = scene.sent.length;
        const heard = owner.heard.length;
        transaction.cancel();
        scene.layer.transportError(hopTo(over));
        scene.advance(LONG);
        expect(scene.sent).to.have.length(sent);
        expect(owner.heard).to.have.length(heard);
      }),
      { numRuns: 400 },
    );
  });

  it('a client INVITE is acknowledged for each 3xx to 6xx that reaches it, and never for a 2xx', () => {
    fc.assert(
      fc.property(transport, fc.array(clientStep, { maxLength: 12 }), (over, steps) => {
        const scene = new Scene();
        const text = request('INVITE', SAME);
        const transaction = scene.send(text, new Owner(), hopTo(over));
        for (const { pause: ms, does } of steps) {
          scene.advance(ms);
          if (does.event !== 'response') continue;
          const acks = scene.wire.filter((what) => what === 'ACK').length;
          const open = transaction.state.name !== 'Accepted' && transaction.state.name !== 'Terminated';
          scene.receive(respond(text, does.status, { toTag: does.toTag }), hopTo(over));
          const due = open && does.status >= 300 ? 1 : 0;
          expect(scene.wire.filter((what) => what === 'ACK')).to.have.length(acks + due);
        }
      }),
    );
  });

  it('a server transaction ends, sends one final response (or 2xx to an INVITE only), and leaves no timer', () => {
    fc.assert(
      fc.property(method, transport, fc.array(serverStep, { maxLength: 20 }), (name, over, steps) => {
        const scene = new Scene();
        const from = hopTo(over);
        const text = request(name, SAME);
        scene.receive(text, from);
        let received = 1;
        const giveUp = () => {
          // The proxy always comes to a final response in the end
          for (const server of scene.servers) server.respond(respond(server.request, 487), 487);
        };
        for (const { pause: ms, does } of steps) {
          scene.advance(ms);
          if (does.event === 'respond') {
            for (const server of scene.servers) {
              server.respond(respond(server.request, does.status, { toTag: does.toTag }), does.status);
            }
          } else {
            if (does.event === 'request') received++;
            const build = { ack, cancel, request: () => text }[does.event];
            scene.receive(build(SAME), from);
          }
        }
        giveUp();
        scene.advance(LONG);

        for (const server of scene.servers) expect(server.state.name).to.equal('Terminated');
        expect(scene.layer.idle).to.equal(true);
        expect(scene.timers.size).to.equal(0);
        expect(scene.told.filter((what) => what === `request ${name}`)).to.have.lengthOf.at.most(received);
        checkResponses(scene, name);

        const sent = scene.sent.length;
        giveUp();
        scene.advance(LONG);
        expect(scene.sent).to.have.length(sent);
      }),
      { numRuns: 400 },
    );
  });

  it('sends nothing for an ACK, a CANCEL or a response that comes alone', () => {
    const alone = fc.constantFrom(
      ack(SAME),
      ack({ ...SAME, branch: 'old' }),
      respond(request('INVITE', SAME), 200),
      respond(request('OPTIONS', SAME), 404),
      respond(cancel(SAME), 200),
      cancel(SAME),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(pause, alone), { maxLength: 20 }), (steps) => {
        const scene = new Scene();
        for (const [ms, text] of steps) {
          scene.advance(ms);
          scene.receive(text);
        }
        expect(scene.sent.filter(({ message }) => message.status !== 100)).to.deep.equal([]);
      }),
    );
  });
});

/** What went out answers what came in, and never answers it twice. */
function checkResponses(scene: Scene, name: string): void {
  const requests = scene.servers.length;
  const texts = new Set(scene.sent.filter(({ message }) => message.method === name).map(({ text }) => text));
  const statuses = [...texts].map((text) => parseMessage(text).status).filter((code) => code >= 200);
  if (name === 'INVITE') {
    // A new transaction may begin after one has ended, when its request comes very late
    const refusals = statuses.filter((code) => code >= 300);
    expect(refusals.length).to.be.at.most(requests);
    if (requests === 1) expect(refusals.length === 0 || statuses.length === 1).to.equal(true);
  } else {
    expect(statuses).not.to.include(408);
    expect(statuses.length).to.be.at.most(requests);
    expect(
      scene.sent.some(({ message }) => message.method === name && message.status > 100 && message.status < 200),
    ).to.equal(false);
  }
  for (const { message } of scene.sent) {
    expect(message.isRequest).to.equal(false);
    expect(message.via.branch).to.equal(SAME.branch);
  }
}
