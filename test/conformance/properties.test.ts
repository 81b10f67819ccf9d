import { expect } from 'chai';
import fc from 'fast-check';
import { Header } from '../../proxy/sip/header.ts';
import { DEFAULT_LIMITS, Message, parseMessage } from '../../proxy/sip/message.ts';
import { bye, cancel, invite, options, register, request, respond } from '../builders.ts';
import { hostile, wellFormed } from '../proxy/sip/arbitrary.ts';
import { AT, requests, type Sent, stage } from './cast.ts';
import { wronglyChanged } from './forwarded.ts';

/** What tells an answer's request, as far as it can be read: its top branch and sent-by, Call-ID, and CSeq with its method. */
function transactionOf(text: string): string {
  const message = new Message(text, DEFAULT_LIMITS);
  const { branch, host, port } = message.via;
  return [branch, host, port, message.callId, message.value(Header.CSeq)].join(' ');
}

/** What peers may do next: each makes a text of what the proxy has sent so far. */
const moves = fc.oneof(
  fc.record({
    move: fc.constantFrom('invite', 'register', 'message', 'options', 'cancel', 'bye', 'ack'),
    call: fc.integer({ min: 0, max: 3 }),
    from: fc.constantFrom(AT.alice, AT.bob, AT.sbc, AT.ss1.primary, AT.ss2.primary),
  }),
  fc.record({
    move: fc.constant('respond'),
    status: fc.constantFrom(100, 180, 183, 200, 202, 302, 401, 404, 408, 430, 486, 487, 500, 503, 603),
    which: fc.nat(40),
    from: fc.constantFrom(AT.alice, AT.bob, AT.ss1.primary, AT.ss2.primary),
  }),
  fc.record({ move: fc.constant('wait'), ms: fc.constantFrom(60, 600, 4_000, 33_000) }),
  fc.record({ move: fc.constant('noise'), text: hostile, from: fc.constantFrom(AT.alice, AT.ss1.primary) }),
);

function requestOf(move: string, call: number, from: string): string {
  const given = {
    callId: `call-${call}`,
    fromTag: `tag-${call}`,
    branch: `z9hG4bK-${call}-${move === 'cancel' || move === 'invite' ? 'invite' : move}`,
    sentBy: `${from}:5060`,
    to: 'bob',
    uri: 'sip:bob@example.com',
  };
  switch (move) {
    case 'invite':
      return invite(given);
    case 'register':
      return register({ ...given, uri: 'sip:example.com', from: 'bob', to: 'bob' });
    case 'options':
      return options(given);
    case 'cancel':
      return cancel(given);
    case 'bye':
      return bye(given);
    case 'ack':
      return request('ACK', { ...given, toTag: 'to-1' });
    default:
      return request('MESSAGE', given);
  }
}

describe('whatever peers do', () => {
  it('no response goes out without its request, no final one twice, and every request comes to its end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(moves, { maxLength: 25 }), async (script) => {
        const scene = await stage();
        const asked = new Set<string>();
        // of two that claim to be one request a faulty one is answered without state, beside the other
        const noisy = new Set<string>();
        const out: Sent[] = [];
        const sent: Sent[] = [];
        const finals = new Map<string, { text: string; at: number }>();
        const see = (more: readonly Sent[]): void => {
          for (const one of more) {
            sent.push(one);
            if (one.message.isRequest) {
              out.push(one);
              continue;
            }
            const of = transactionOf(one.text);
            expect(asked.has(of), `a response to nothing: ${one.text.split('\r\n')[0] ?? ''} (${of})`).to.equal(true);
            const { status, method } = one.message;
            if (status < 200 || (method === 'INVITE' && status < 300) || noisy.has(of)) continue;
            const earlier = finals.get(of);
            expect(earlier?.text ?? one.text, 'a second final response').to.equal(one.text);
            if (earlier === undefined) finals.set(of, { text: one.text, at: scene.time });
          }
        };
        for (const step of script) {
          if ('ms' in step) see(await scene.passes(step.ms));
          else if ('text' in step) {
            asked.add(transactionOf(step.text));
            noisy.add(transactionOf(step.text));
            see(await scene.receives(step.text, step.from));
          } else if ('status' in step) {
            const to = out[step.which % Math.max(out.length, 1)];
            if (to !== undefined && to.message.method !== 'ACK')
              see(await scene.receives(respond(to.message, step.status), step.from));
          } else {
            const text = requestOf(step.move, step.call, step.from);
            const final = finals.get(transactionOf(text));
            // Timers H and J have ended what it was: it is a new request now
            if (final !== undefined && scene.time - final.at >= 32_000) finals.delete(transactionOf(text));
            asked.add(transactionOf(text));
            see(await scene.receives(text, step.from));
          }
        }
        // Timer C, then what is cancelled, then what is waited for
        for (let i = 0; i < 4; i++) see(await scene.passes(70_000));
        expect(scene.core.counts.internalErrors).to.equal(0);
        expect([scene.layer.idle, scene.core.unanswered, scene.core.pendingCopies]).to.deep.equal([true, 0, 0]);
      }),
      { numRuns: 25 },
    );
  }).timeout(60_000);
});

describe('a message on its way', () => {
  it('differs only where RFC 3261 16.6 says so, whatever is in it', async () => {
    const scene = await stage();
    await fc.assert(
      fc.asyncProperty(wellFormed, async (text) => {
        const came = parseMessage(text);
        fc.pre(came.isRequest && came.method !== 'ACK' && came.method !== 'CANCEL' && !came.has(Header.Route));
        const copies = requests(await scene.receives(text, AT.alice));
        for (const copy of copies.filter((s) => s.message.callId === came.callId))
          expect(wronglyChanged(came, copy.message)).to.deep.equal([]);
      }),
      { numRuns: 150 },
    );
  }).timeout(30_000);
});
