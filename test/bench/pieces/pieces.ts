import { pairEnd, OPEN, TokenSigner } from '../../../proxy/routing/token.ts';
import { Edit } from '../../../proxy/sip/edit.ts';
import { Header } from '../../../proxy/sip/header.ts';
import { parseMessage } from '../../../proxy/sip/message.ts';
import { BindingTable } from '../../../proxy/store/bindings.ts';
import { decodeBinding, encodeBinding } from '../../../proxy/store/codec.ts';
import type { Binding } from '../../../proxy/store/records.ts';
import { choose, seedOf } from '../../../proxy/upstream/balance.ts';
import { answer, type Phone } from '../message.ts';
import { calls } from '../scenarios/call.ts';
import { CoreAlone } from './core-alone.ts';

/** A part of the work on a message that is timed by itself. */
export interface Piece {
  readonly name: string;
  /** How often run() does it. */
  readonly times: number;
  run(): unknown;
}

const PHONE: Phone = { transport: 'UDP', address: '192.0.2.11', port: 5070 };
const SERVER = { address: '10.1.1.1', port: 5060 };
const NOW = Date.UTC(2026, 0, 1);
const HOUR = 3_600_000;
/** Each is new to what remembers texts. */
const MANY = 4096;

/** All pieces, made ready. */
export async function pieces(): Promise<readonly Piece[]> {
  return [...messages(), ...tokens(), balance(), ...store(), ...(await wholes())];
}

function messages(): Piece[] {
  const invite = calls.open(1, 'p', PHONE).text;
  const ok = answer(invite, 200, 'OK', SERVER);
  const request = parseMessage(invite);
  return [
    { name: 'parse an INVITE', times: 1, run: () => parseMessage(invite) },
    { name: 'parse a 200', times: 1, run: () => parseMessage(ok) },
    {
      name: 'write the copy that is forwarded',
      times: 1,
      run: () =>
        new Edit(request)
          .before(Header.Via, 'Via: SIP/2.0/UDP 10.1.0.1:5060;branch=z9hG4bKabcdefg1234567abcdefg1234567')
          .replace(request.find(Header.MaxForwards), '69')
          .before(Header.RecordRoute, 'Record-Route: <sip:token@10.1.0.1:5060;lr>')
          .render(),
    },
  ];
}

function tokens(): Piece[] {
  const key = {
    id: 1,
    geoLocation: 'dc1',
    secret: Buffer.alloc(32, 7).toString('base64url'),
    created: NOW,
    verified: NOW,
  };
  const keys = { signing: () => key, byId: () => key, verified: () => undefined };
  const token = { use: 'dialog', caller: OPEN, callee: pairEnd('ss1', 'dc1'), callerTag: 1 } as const;
  const callIds = Array.from({ length: MANY }, (_, i) => `${i}-call@192.0.2.11`);
  const signer = new TokenSigner(keys);
  const signed = callIds.map((callId) => signer.sign(token, callId, NOW) ?? '');
  // remembers one at a time, so that each is new to it
  const forgetful = new TokenSigner(keys, 1);
  let i = 0;
  const next = (): number => (i = (i + 1) % MANY);
  return [
    { name: 'sign a token', times: 1, run: () => forgetful.sign(token, callIds[next()] ?? '', NOW) },
    {
      name: 'verify a token',
      times: 1,
      run: () => forgetful.verify(signed[next()] ?? '', callIds[i] ?? '', NOW),
    },
  ];
}

function balance(): Piece {
  const active = {};
  const candidates = Array.from({ length: 8 }, (_, i) => ({ seed: seedOf(`ss${i}`), weightAt: () => 1, active }));
  return {
    name: 'choose one of 8 pairs',
    times: 1,
    run: () => choose(candidates, '1-call@192.0.2.11', NOW, undefined),
  };
}

function store(): Piece[] {
  const of = (user: number, commit: number): Binding => ({
    ...{ aor: `p${user}@example.com`, id: `sip:p${user}@192.0.2.11:5070`, contact: `sip:p${user}@192.0.2.11:5070` },
    ...{ q: 1000, transport: 'UDP', sourceAddress: PHONE.address, sourcePort: PHONE.port, expires: NOW + HOUR },
    stamp: { first: NOW, callId: `${user}@phone`, cseq: commit, commit: NOW + commit },
  });
  const table = new BindingTable(MANY * 2);
  for (let user = 0; user < MANY; user++) table.take(of(user, 0), 0, NOW);
  const one = of(1, 1);
  const { aor, id } = one;
  const text = encodeBinding(one);
  let round = 0;
  return [
    {
      name: 'merge a refreshed binding',
      times: 1,
      run: () => table.take(of(round % MANY, 1 + (round++ >>> 12)), 0, NOW),
    },
    { name: 'find the bindings of an AOR', times: 1, run: () => table.ofAor(`p${round++ % MANY}@example.com`, NOW) },
    { name: 'encode a binding', times: 1, run: () => encodeBinding(one) },
    { name: 'decode a binding', times: 1, run: () => decodeBinding({ kind: 'binding', aor, id }, text) },
  ];
}

async function wholes(): Promise<Piece[]> {
  const [forCalls, forRegisters] = [await CoreAlone.begin(), await CoreAlone.begin()];
  const times = 20;
  const repeated = (core: CoreAlone, once: () => void) => async (): Promise<void> => {
    for (let i = 0; i < times; i++) once();
    await core.pass(times);
  };
  return [
    { name: 'a call in the core', times, run: repeated(forCalls, () => forCalls.call()) },
    { name: 'a REGISTER in the core', times, run: repeated(forRegisters, () => forRegisters.register()) },
  ];
}
