import { expect } from 'chai';
import { Header } from '../../../proxy/sip/header.ts';
import { REGISTERS_AT_FIRST } from '../../../proxy/upstream/register-gate.ts';
import { register, request } from '../../builders.ts';
import { AT, invite, requestIn, respond, Scene, statuses, type Sent } from './scene.ts';

/** A 503 of the server that `asked` went to, with Retry-After. */
function busy(asked: Sent, seconds: string): string {
  return respond(asked.message, 503, { headers: [`Retry-After: ${seconds}`] });
}

let placed = 0;

async function places(scene: Scene, calls: number): Promise<Sent[]> {
  const sent: Sent[] = [];
  for (let i = 0; i < calls; i++) {
    const number = ++placed;
    const text = invite({ callId: `new-${number}`, branch: `z9hG4bKn${number}`, sentBy: `${AT.alice}:5060` });
    sent.push(requestIn(await scene.receives(text, AT.alice)));
  }
  return sent;
}

const hosts = (sent: readonly Sent[]): Set<string> => new Set(sent.map(({ hop }) => hop.address));

describe('what a SIP Server is spared', () => {
  it('gets no new call for as long as its Retry-After says, while the other pair takes them', async () => {
    const scene = await Scene.begin();
    const [first] = await places(scene, 1);
    if (first === undefined) throw new Error('nothing was sent');
    await scene.receives(busy(first, '30 (maintenance)'), first.hop.address);
    expect(scene.core.counts.pairBusy).to.equal(1);

    expect([...hosts(await places(scene, 20))]).to.not.include(first.hop.address);
    await scene.passes(30_000);
    expect([...hosts(await places(scene, 20))]).to.include(first.hop.address);
  });

  it('keeps the calls that it has: a Retry-After is about new ones', async () => {
    const scene = await Scene.begin();
    const [first] = await places(scene, 1);
    if (first === undefined) throw new Error('nothing was sent');
    await scene.receives(respond(first.message, 200), first.hop.address);
    const [second] = await places(scene, 30).then((sent) =>
      sent.filter(({ hop }) => hop.address === first.hop.address),
    );
    if (second === undefined) throw new Error('no second call for that pair');
    await scene.receives(busy(second, '30'), second.hop.address);

    const text = invite({
      callId: first.message.callId,
      branch: 'z9hG4bKre',
      toTag: 'b',
      cseq: 2,
      sentBy: `${AT.alice}:5060`,
    });
    expect(requestIn(await scene.receives(text, AT.alice)).hop.address).to.equal(first.hop.address);
  });

  it('gets what is no call where all have asked for no new calls', async () => {
    const scene = await Scene.begin();
    for (let i = 0; i < 20; i++) {
      const text = invite({ callId: `b${i}`, branch: `z9hG4bKb${i}`, sentBy: `${AT.alice}:5060` });
      const asked = (await scene.receives(text, AT.alice)).find(({ message }) => message.isRequest);
      if (asked !== undefined) await scene.receives(busy(asked, '30'), asked.hop.address);
    }
    const more = { branch: 'z9hG4bKmore', sentBy: `${AT.alice}:5060` };
    expect(statuses(await scene.receives(invite({ ...more, callId: 'more' }), AT.alice))).to.deep.equal([503]);
    const subscribe = request('SUBSCRIBE', { ...more, callId: 'state', uri: 'sip:bob@example.com' });
    expect(requestIn(await scene.receives(subscribe, AT.alice)).message.method).to.equal('SUBSCRIBE');
  });

  it('is not taken at its word by a 503 without Retry-After', async () => {
    const scene = await Scene.begin();
    const [first] = await places(scene, 1);
    if (first === undefined) throw new Error('nothing was sent');
    await scene.receives(respond(first.message, 503), first.hop.address);
    expect([...hosts(await places(scene, 20))]).to.include(first.hop.address);
  });

  it('gets few new calls when it comes back from an outage, and its share after half a minute', async () => {
    const scene = await Scene.begin();
    scene.pinged('ss1', 'primary', 'ConnectionRefused');
    await scene.passes(60_000);
    scene.pinged('ss1', 'primary', 200);
    const count = (sent: readonly Sent[]): number => sent.filter(({ hop }) => hop.address === AT.ss1.primary).length;

    expect(count(await places(scene, 100))).to.be.within(1, 20);
    await scene.passes(30_000);
    expect(count(await places(scene, 100))).to.be.within(35, 65);
  });

  it('gets few REGISTERs at once when it comes back from an outage, and more as it answers', async () => {
    const scene = await Scene.begin();
    scene.pinged('ss2', 'primary', 'ConnectionRefused');
    scene.pinged('ss1', 'primary', 'ConnectionRefused');
    await scene.passes(20_000);
    scene.pinged('ss1', 'primary', 200);
    const asked: Sent[] = [];
    const come = async (from: number): Promise<void> => {
      for (let i = from; i < from + 20; i++) {
        const text = register({ from: `u${i}`, callId: `r${i}`, branch: `z9hG4bKr${i}`, sentBy: `${AT.alice}:5060` });
        asked.push(...(await scene.receives(text, AT.alice)).filter(({ message }) => message.isRequest));
      }
    };
    await come(0);
    expect(asked).to.have.length(8);
    for (const { message, hop } of asked) await scene.receives(respond(message, 200), hop.address);
    await come(20);
    expect(asked).to.have.length(8 + 12);
  });

  for (const domain of ['example.com', 'of-another.example'])
    it(`gets no more REGISTERs for ${domain} at once than it can hold; the rest are told when to come again`, async () => {
      const scene = await Scene.begin();
      scene.pinged('ss2', 'primary', 'ConnectionRefused');
      const asked: Sent[] = [];
      const refused: Sent[] = [];
      for (let i = 0; i < REGISTERS_AT_FIRST + 50; i++) {
        const text = register({
          from: `sip:u${i}@${domain}`,
          callId: `r${i}`,
          branch: `z9hG4bKr${i}`,
          sentBy: `${AT.alice}:5060`,
        });
        for (const sent of await scene.receives(text, AT.alice)) (sent.message.isRequest ? asked : refused).push(sent);
      }
      expect(asked.length).to.equal(REGISTERS_AT_FIRST);
      expect(statuses(refused)).to.deep.equal(Array.from({ length: 50 }, () => 503));
      for (const { message } of refused) expect(Number(message.value(Header.RetryAfter))).to.be.at.least(5);
      const { servers, clients } = scene.layer.counts;
      expect([servers, clients], 'a refused one leaves no state').to.deep.equal([
        REGISTERS_AT_FIRST,
        REGISTERS_AT_FIRST,
      ]);
      // a call is never behind them
      expect((await places(scene, 1)).length).to.equal(1);

      const [first] = asked;
      if (first === undefined) throw new Error('nothing was sent');
      await scene.receives(respond(first.message, 401), first.hop.address);
      const late = register({
        from: `sip:late@${domain}`,
        callId: 'late',
        branch: 'z9hG4bKlate',
        sentBy: `${AT.alice}:5060`,
      });
      expect(requestIn(await scene.receives(late, AT.alice)).message.method).to.equal('REGISTER');
    });

  it('is not run over where all phones were refused while no server was in service: they come again in a line', async () => {
    const scene = await Scene.begin();
    for (const pair of ['ss1', 'ss2'] as const) scene.pinged(pair, 'primary', 'ConnectionRefused');
    const waits: number[] = [];
    for (let i = 0; i < 3_000; i++) {
      const text = register({ from: `u${i}`, callId: `r${i}`, branch: `z9hG4bKr${i}`, sentBy: `${AT.alice}:5060` });
      scene.core.incoming.receive(text, scene.hop('UDP', AT.alice, 5060)!);
    }
    for (const { message } of scene.takes()) waits.push(Number(message.value(Header.RetryAfter)));
    expect(waits).to.have.length(3_000);
    expect(waits[0]).to.equal(5);
    expect(Math.max(...waits)).to.be.within(20, 40);
    expect(scene.layer.idle).to.equal(true);
  });
});
