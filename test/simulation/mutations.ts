import { Header } from '../../proxy/sip/header.ts';
import { parseMessage, type Message } from '../../proxy/sip/message.ts';
import type { Binding } from '../../proxy/store/records.ts';
import { respond } from '../builders.ts';
import { contactOf } from './dialog.ts';
import type { ProxyProcess } from './proxy-process.ts';
import type { World } from './world.ts';

/** A bug that is planted in each proxy as it starts. */
export interface Mutation {
  readonly name: string;
  /** The rules that may find it. */
  readonly found: readonly string[];
  /** The kinds of faults that bring it to light; undefined: all. */
  readonly faults?: readonly string[];
  plant(process: ProxyProcess, world: World): void;
}

/** Replaces a method of one object. */
function wrap<T extends object, K extends keyof T>(object: T, name: K, around: (original: T[K]) => T[K]): void {
  const original = object[name];
  const bound = typeof original === 'function' ? (original.bind(object) as T[K]) : original;
  Object.defineProperty(object, name, { value: around(bound), configurable: true, writable: true });
}

const calls = ['CallFailed', 'ChangeFailed', 'EndFailed', 'WrongPair'];

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
    found: ['Forgotten', 'ReplicasDiffer', 'BackFromTheDead', ...calls],
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
    found: ['SecondFinal', 'ProvisionalAfterFinal', ...calls],
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
    found: ['NoAck', ...calls],
    plant: ({ core }) => wrap(core.signer, 'verify', () => () => undefined),
  },
  {
    name: 'the token names the wrong pair',
    found: ['WrongPair', ...calls],
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
    found: ['SetUpLost', 'DialogLost', ...calls],
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
    found: ['SwitchedLate', 'SentToOut', ...calls],
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
    found: ['SentToOut', ...calls],
    plant: (process) =>
      wrap(
        process.core.copier,
        'hopToMember',
        (hopToMember) => (member) => hopToMember(member.pair.members[0] ?? member),
      ),
  },
  {
    name: 'presence is written without its lease',
    found: ['DeadProxyKnown'],
    faults: ['proxyKilled'],
    plant: ({ stores }) => each(stores, ({ wrong }) => (wrong.forgetsLease = true)),
  },
  {
    name: 'leases end before what is under them',
    found: ['NotStored', 'ReplicasDiffer', 'Forgotten', ...calls],
    faults: ['proxyRestarted', 'proxyKilled'],
    plant: ({ stores }) => each(stores, ({ wrong }) => (wrong.leasesEndEarly = true)),
  },
  {
    name: 'the watch loses an event now and then',
    found: ['ReplicasDiffer', 'Forgotten', 'BackFromTheDead', 'ProxyUnknown', ...calls],
    plant: ({ stores }, world) => each(stores, ({ wrong }) => (wrong.skips = () => world.proxyRandom.chance(0.02))),
  },
  {
    name: 'the store is not listed again after compaction',
    found: ['ReplicasDiffer', 'Forgotten', 'BackFromTheDead', 'ProxyUnknown', ...calls],
    faults: ['storeCut'],
    plant: ({ stores }) => each(stores, ({ wrong }) => (wrong.neverListsAgain = true)),
  },
  {
    name: 'what an emptied store lost is written again by its own proxies alone',
    found: ['NotStored', 'ReplicasDiffer', 'Forgotten'],
    faults: ['storeLost', 'proxiesRolled'],
    plant: ({ stores: [, ...others] }) => each(others, ({ wrong }) => (wrong.takesAnyForTheOldOne = true)),
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
    found: ['NoAck', 'EndFailedByServer', 'SetUpLost', 'DialogLost', ...calls],
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
    found: ['WrongPhone', 'WrongPair', ...calls],
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
    name: "another data centre's store is not followed",
    found: ['NotComplete', 'ReplicasDiffer', 'Forgotten', 'ProxyUnknown', ...calls],
    plant: ({ stores: [, ...others] }) => each(others, (store) => wrap(store, 'follow', () => () => undefined)),
  },
  {
    name: 'a proxy does not say that it is there',
    found: ['ProxyUnknown', ...calls],
    plant: ({ replica }) => wrap(replica, 'publishProxy', () => () => undefined),
  },
  {
    name: 'a call is remembered under a hundred names',
    found: ['Unbounded'],
    plant: ({ replica }) =>
      wrap(replica, 'saveCall', (saveCall) => (record) => {
        for (let i = 0; i < 100; i++)
          saveCall({ ...record, callId: i === 0 ? record.callId : `${record.callId} ${i}` });
      }),
  },
];

function each<T>(things: readonly T[], act: (thing: T) => void): void {
  for (const thing of things) act(thing);
}

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
