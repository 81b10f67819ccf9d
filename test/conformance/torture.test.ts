import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { Message, DEFAULT_LIMITS } from '../../proxy/sip/message.ts';
import { KEEPALIVE, StreamFramer } from '../../proxy/sip/stream.ts';
import type { Hop } from '../../proxy/transport/hop.ts';
import { options } from '../builders.ts';
import { AT, answers, requests, type Scene, type Sent, stage, statusesOf } from './cast.ts';
import { wronglyChanged } from './forwarded.ts';
import { VERDICTS } from './verdicts.ts';

const DIRECTORY = new URL('torture/', import.meta.url);
const PORT = 40_000;

function bytesOf(file: string): string {
  return readFileSync(new URL(`${file}.sip`, DIRECTORY), 'latin1');
}

function verdictOn(sent: readonly Sent[]): string {
  const [answer] = answers(sent);
  if (answer !== undefined) return `${answer.message.status} ${answer.message.reason}`;
  return requests(sent).length > 0 ? 'forwarded' : 'dropped';
}

/** Gives a stream's bytes to the proxy in pieces of `size`; false if the rest of a message is still to come. */
function cut(scene: Scene, bytes: string, hop: Hop, size: number): boolean {
  const framer = new StreamFramer();
  let whole = false;
  try {
    for (let at = 0; at < bytes.length; at += size) {
      framer.push(bytes.slice(at, at + size));
      for (let item = framer.next(); item !== undefined; item = framer.next()) {
        if (item === KEEPALIVE) continue;
        whole = true;
        scene.core.incoming.receive(item, hop);
      }
    }
  } catch (error) {
    scene.core.incoming.malformed(error, hop);
    return true;
  }
  return whole;
}

describe('the torture set', () => {
  it('has a verdict for every message and a message for every verdict', () => {
    const files = readdirSync(DIRECTORY).map((name) => name.replace(/\.sip$/, ''));
    expect(VERDICTS.map(({ file }) => file)).to.have.members(files);
  });

  for (const { file, verdict, why, stream = verdict } of VERDICTS) {
    it(`${file}: ${why === '' ? verdict : why}`, async () => {
      const scene = await stage();
      const bytes = bytesOf(file);
      const sent = await scene.receives(bytes, AT.alice, PORT);
      expect(verdictOn(sent), 'by datagram').to.equal(verdict);
      if (verdict === 'forwarded') {
        const came = new Message(bytes, DEFAULT_LIMITS);
        for (const copy of requests(sent)) expect(wronglyChanged(came, copy.message)).to.deep.equal([]);
      }

      for (const size of [1, 7, 100_000]) {
        const afresh = await stage();
        const hop = afresh.hop('TCP', AT.alice, PORT, afresh.phoneStream(1, AT.alice, PORT));
        if (hop === undefined) throw new Error('no TCP listener');
        const whole = cut(afresh, bytes, hop, size);
        await afresh.settled();
        expect(whole ? verdictOn(afresh.takes()) : 'waits', `by a stream, ${size} bytes a time`).to.equal(stream);
        expect(afresh.core.counts.internalErrors).to.equal(0);
      }

      const ping = await scene.receives(options({ sentBy: `${AT.alice}:5060` }), AT.alice);
      expect(statusesOf(ping), 'an OPTIONS afterwards').to.deep.equal([200]);
      expect(scene.core.counts.internalErrors).to.equal(0);
    });
  }
});
