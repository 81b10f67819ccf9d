import { Header } from '../../proxy/sip/header.ts';
import { parseMessage, type Message } from '../../proxy/sip/message.ts';
import type { Binding } from '../../proxy/store/records.ts';
import { respond } from '../builders.ts';
import { contactOf } from './dialog.ts';
import { callRules, wrap, type Mutation } from './planting.ts';
import type { ProxyProcess } from './proxy-process.ts';
import { storeMutations } from './store-mutations.ts';

/** All that there are, those of the stores last. */
export const mutations: readonly Mutation[] = [
  {
    name: 'a tombstone is dropped',
    found: ['BackFromTheDead', 'ReplicasDiffer', 'Forgotten'],
    plant: ({ replica }) =>
      wrap(replica, 'save', (save) => (binding, waiting) => binding.removed !== true && save(binding, waiting)),
  },
  {
    name: 'a removed binding is stored without its mark',
    found: ['NotGranted', 'BackFromTheDead'],
    plant: ({ replica }) =>
      wrap(replica, 'save', (save) => (binding, waiting) => {
        const { removed: _removed, ...rest } = binding;
        return save(rest, waiting);
      }),
  },
  {
    name: 'the older version wins',
    found: ['Forgotten', 'ReplicasDiffer', 'BackFromTheDead', ...callRules],
    plant: ({ replica }) =>
      wrap(replica, 'save', (save) => (binding, waiting) => {
        const known = replica.binding(binding.aor, binding.id);
        return (known === undefined || known.removed === true) && save(binding, waiting);
      }),
  },
  {
    name: 'a 401 stores what was asked for',
    found: ['NotGranted'],
    plant: (process) => {
      const asked = new Map<string, string>();
      wrap(process.core.incoming, 'receive', (receive) => (text, from) => {
        receive(text, from);
        if (!text.includes(' REGISTER\r\n')) return;
        const message = parseMessage(text);
        const contact = contactOf(message);
        if (message.isRequest && contact !== undefined) asked.set(message.callId, contact);
        const wanted = asked.get(message.callId);
        if (message.status === 401 && wanted !== undefined) process.replica.save(bindingOf(wanted, message, process));
      });
    },
  },
  {
    name: 'a response is forwarded twice, the second time as another one',
    found: ['SecondFinal', 'ProvisionalAfterFinal', ...callRules],
    plant: (process) =>
      wrap(process, 'send', (send) => (text, hop) => {
        send(text, hop);
        if (text.startsWith('SIP/2.0 200') && text.includes(' BYE\r\n'))
          send(text.replace(/^SIP\/2.0 200 OK/, 'SIP/2.0 500 Twice'), hop);
      }),
  },
  {
    name: 'an ACK is answered',
    found: ['ResponseToNothing'],
    plant: (process) =>
      wrap(process.core.incoming, 'ack', (ack) => (message, from) => {
        ack(message, from);
        process.send(respond(message, 200), from);
      }),
  },
  {
    name: 'the token is not read',
    found: ['NoAck', ...callRules],
    plant: ({ core }) => wrap(core.signer, 'verify', () => () => undefined),
  },
  {
    name: 'the token names the wrong pair',
    found: ['WrongPair', ...callRules],
    plant: ({ core, place }) =>
      wrap(core.signer, 'verify', (verify) => (text, callId, now) => {
        const token = verify(text, callId, now);
        const pair = place.world.pairs.at(-1);
        if (token === undefined || token.use !== 'dialog' || token.callee.kind !== 'pair' || pair === undefined)
          return token;
        const wrong = core.upstreams.pairNamed(pair.name);
        return wrong === undefined ? token : { ...token, callee: { ...token.callee, pair: wrong.hash } };
      }),
  },
  {
    name: 'a switch does not reach what has no answer yet',
    found: ['SetUpLost', 'DialogLost', ...callRules],
    faults: ['memberKilled', 'memberPaused'],
    plant: ({ core }) => wrap(core, 'pairSwitched', () => () => undefined),
  },
  {
    name: 'pings are never timed out',
    found: ['SwitchedLate'],
    faults: ['memberKilled', 'memberPaused'],
    plant: ({ upstreams }) =>
      wrap(upstreams, 'pinged', (pinged) => (member, result) => {
        if (!('failed' in result && result.failed === 'Timeout')) pinged(member, result);
      }),
  },
  {
    name: 'a refused port counts as an answer',
    found: ['SwitchedLate', 'SentToOut', ...callRules],
    faults: ['memberKilled', 'memberPaused'],
    plant: ({ upstreams }) =>
      wrap(
        upstreams,
        'pinged',
        (pinged) => (member, result) =>
          pinged(
            member,
            'failed' in result && result.failed === 'ConnectionRefused' ? { answered: 200, rtt: 1 } : result,
          ),
      ),
  },
  {
    name: 'new work goes to the primary, active or not',
    found: ['SentToOut', ...callRules],
    plant: (process) =>
      wrap(
        process.core.copier,
        'hopToMember',
        (hopToMember) => (member) => hopToMember(member.pair.members[0] ?? member),
      ),
  },
  {
    name: 'ACK of a 2xx is not forwarded',
    found: ['NoAck', 'CallFailed', 'EndFailed'],
    plant: ({ core }) => wrap(core.incoming, 'ack', () => () => undefined),
  },
  {
    name: 'a CANCEL is not handed to the proxy that has its INVITE',
    found: ['CallFailed'],
    plant: ({ core }) => wrap(core.incoming.strays, 'targetsOfCancel', () => () => []),
  },
  {
    name: 'a response for another proxy is dropped',
    found: ['NoAck', 'EndFailedByServer', 'SetUpLost', 'DialogLost', ...callRules],
    plant: ({ core }) => wrap(core.incoming.strays, 'response', () => () => undefined),
  },
  {
    name: 'Timer C is off: nothing ends what rings for ever',
    found: ['NotEmpty'],
    plant: ({ timers }) =>
      wrap(timers, 'schedule', (schedule) => (timer, at) => {
        if (timer.constructor.name !== 'BranchTimer') schedule(timer, at);
      }),
  },
  {
    name: 'a binding is stored for an hour, whatever was granted',
    found: ['NotGranted', 'ReplicasDiffer', 'LivesTooLong'],
    plant: ({ replica }) =>
      wrap(
        replica,
        'save',
        (save) => (binding, waiting) => save({ ...binding, expires: binding.expires + 3600_000 }, waiting),
      ),
  },
  {
    name: 'what is for one phone goes to another',
    found: ['WrongPhone', 'WrongPair', ...callRules],
    plant: ({ replica }) =>
      wrap(replica, 'bindings', (bindings) => (aor, now) => {
        const own = bindings(aor, now);
        const [other] = [...replica.allBindings(now)].filter((binding) => binding.aor !== aor);
        return own.length === 0 || other === undefined ? own : [other];
      }),
  },
  {
    name: 'a grant is more than it can take',
    found: ['InternalError', 'Threw'],
    plant: ({ replica }) =>
      wrap(replica, 'stamp', () => () => {
        throw new RangeError('planted');
      }),
  },
  {
    name: 'a provisional response follows the final one',
    found: ['ProvisionalAfterFinal'],
    plant: (process) =>
      wrap(process, 'send', (send) => (text, hop) => {
        send(text, hop);
        if (text.startsWith('SIP/2.0 486 ')) send(text.replace(/^SIP\/2.0 486 [^\r]*/, 'SIP/2.0 180 Ringing'), hop);
      }),
  },
  {
    name: 'no call is taken while the store is away',
    found: ['SetUpLost', ...callRules],
    faults: ['storeStopped', 'storeHung', 'storeLost'],
    plant: ({ core, replica }) =>
      wrap(core.incoming, 'receive', (receive) => (text, from) => {
        if (!text.startsWith('INVITE ') || !replica.ready || replica.stores[0]?.available === true) receive(text, from);
      }),
  },
  ...storeMutations,
];

function bindingOf(contact: string, message: Message, process: ProxyProcess): Binding {
  const now = process.place.now();
  const aor = /<sip:([^>]*)>/.exec(message.value(Header.To) ?? '')?.[1] ?? '';
  return {
    aor,
    id: contact,
    contact,
    q: 1000,
    transport: 'UDP',
    sourceAddress: '192.0.2.1',
    sourcePort: 5060,
    expires: now + 60_000,
    stamp: process.replica.stamp(aor, contact, message.callId, message.cseq, now),
  };
}
