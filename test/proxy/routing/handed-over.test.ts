import { expect } from 'chai';
import { OPEN, pairEnd, tagHash } from '../../../proxy/routing/token.ts';
import { cancel, register } from '../../builders.ts';
import { AT, bye, invite, requestIn, respond, Scene, statuses, type Sent } from './scene.ts';

const CALL = { callId: 'call-1', fromTag: 'a', toTag: 'b', branch: 'z9hG4bKbye', sentBy: `${AT.alice}:5060` };

describe('a request other than INVITE that one proxy hands to another', () => {
  /** A BYE for a pair of this data centre, as a proxy of the other one hands it over. */
  function handed(scene: Scene, pair: string): string {
    const token = scene.core.signer.sign(
      { use: 'handover', caller: OPEN, callee: pairEnd(pair, 'dc1'), callerTag: 0 },
      CALL.callId,
      scene.time,
    );
    return bye({ ...CALL, sentBy: `${AT.farProxy}:5060`, route: [`<sip:${token ?? ''}@${AT.proxy};lr>`] });
  }

  async function met(): Promise<Scene> {
    const scene = await Scene.begin();
    await scene.hasProxy('q1', 'dc2', AT.farProxy);
    return scene;
  }

  it('is answered 100 soon where its server takes its time: that proxy takes silence for death', async () => {
    const scene = await met();
    const asked = requestIn(await scene.receives(handed(scene, 'ss1'), AT.farProxy));
    expect(statuses(await scene.passes(250))).to.deep.equal([]);
    expect(statuses(await scene.passes(100))).to.deep.equal([100]);
    expect(statuses(await scene.receives(respond(asked.message, 200), asked.hop.address))).to.deep.equal([200]);
  });

  it('is answered 100 soon, too, while it waits for a member of its pair', async () => {
    const scene = await met();
    scene.pinged('ss1', 'primary', 'Timeout');
    scene.takes();
    expect(await scene.receives(handed(scene, 'ss1'), AT.farProxy)).to.deep.equal([]);
    expect(statuses(await scene.passes(350))).to.deep.equal([100]);
    scene.pinged('ss1', 'backup', 200);
    expect(requestIn(scene.takes()).hop.address).to.equal(AT.ss1.backup);
  });

  it('has no 100 where its server answers at once', async () => {
    const scene = await met();
    const asked = requestIn(await scene.receives(handed(scene, 'ss1'), AT.farProxy));
    expect(statuses(await scene.receives(respond(asked.message, 200), asked.hop.address))).to.deep.equal([200]);
    expect(await scene.passes(1_000)).to.deep.equal([]);
  });

  it('stays where it is once a 100 has come: a second copy would be challenged, or refused, for the first', async () => {
    const scene = await Scene.begin({ remoteServers: 'WhenNoLocal' });
    await scene.hasProxy('q1', 'dc2', '10.2.0.1');
    await scene.hasProxy('q2', 'dc2', '10.2.0.2');
    await heard(scene, 'q1');
    for (const pair of ['ss1', 'ss2'] as const) scene.pinged(pair, 'primary', 'Timeout');
    scene.takes();
    const first = requestIn(await scene.receives(register({ sentBy: `${AT.alice}:5060` }), AT.alice));
    await scene.passes(350);
    await scene.receives(respond(first.message, 100), first.hop.address);
    const again = await scene.passes(2_000);
    expect(again.filter(({ hop }) => hop.address !== first.hop.address)).to.deep.equal([]);
    expect(statuses(await scene.receives(respond(first.message, 200), first.hop.address))).to.deep.equal([200]);
    expect(scene.core.counts.handoverSilent).to.equal(0);
  });
});

describe('a call of a pair in another data centre', () => {
  /** A BYE in it from the phone, with what the scene does to its proxies. */
  async function ended(scene: Scene): Promise<Sent[]> {
    const token = scene.core.signer.sign(
      { use: 'dialog', caller: OPEN, callee: pairEnd('far', 'dc2'), callerTag: tagHash('a') },
      CALL.callId,
      scene.time,
    );
    return await scene.receives(bye({ ...CALL, route: [`<sip:${token ?? ''}@proxies.example.com;lr>`] }), AT.alice);
  }
  const hosts = (sent: readonly Sent[]): string[] => [...new Set(sent.map(({ hop }) => hop.address))];

  it('goes on straight with its server where no proxy lives there', async () => {
    const scene = await Scene.begin();
    await heard(scene, 'q1');
    expect(hosts(await ended(scene))).to.deep.equal([AT.far.primary]);
  });

  it('goes on so, too, where those that seem to live say nothing, each within 0.7 s', async () => {
    const scene = await Scene.begin();
    await scene.hasProxy('q1', 'dc2', '10.2.0.1');
    await scene.hasProxy('q2', 'dc2', '10.2.0.2');
    await heard(scene, 'q1');
    const [first] = hosts(await ended(scene));
    const [second] = hosts(await scene.passes(750)).filter((host) => host !== first);
    expect([first, second]).to.have.members(['10.2.0.1', '10.2.0.2']);
    const third = (await scene.passes(750)).find(({ hop }) => hop.address === AT.far.primary);
    if (third === undefined) throw new Error('the server was not asked');
    expect(statuses(await scene.receives(respond(third.message, 200), AT.far.primary))).to.deep.equal([200]);
  });

  it('goes another way when the process that had it, and had said 100, is there no more but one started anew', async () => {
    const scene = await Scene.begin();
    await scene.hasProxy('q1', 'dc2', '10.2.0.1');
    await heard(scene, 'q1');
    scene.meets();
    const handed = requestIn(await ended(scene));
    await scene.receives(respond(handed.message, 100), handed.hop.address);
    await scene.hasProxy('q1', 'dc2', '10.2.0.1', 'bootY');
    scene.meets();
    expect(hosts(scene.takes())).to.deep.equal([AT.far.primary]);
  });

  it('is answered 503 where nothing there is known to live, or nobody there can deliver it', async () => {
    const scene = await Scene.begin();
    expect(statuses(await ended(scene))).to.deep.equal([503]);
    const refused = await Scene.begin();
    await refused.hasProxy('q1', 'dc2', '10.2.0.1');
    const handed = requestIn(await ended(refused));
    expect(statuses(await refused.receives(respond(handed.message, 430), handed.hop.address))).to.deep.equal([503]);
  });
});

describe('an INVITE whose link to the proxy that it was handed to closes', () => {
  const [q1, q2] = ['10.2.0.1', '10.2.0.2'];
  let scene: Scene;
  let asked: Sent;
  beforeEach(async () => {
    scene = await Scene.begin();
    await scene.hasProxy('q1', 'dc2', q1);
    await scene.hasProxy('q2', 'dc2', q2);
    await heard(scene, 'q1');
    const token = scene.core.signer.sign(
      { use: 'dialog', caller: OPEN, callee: pairEnd('far', 'dc2'), callerTag: tagHash('a') },
      CALL.callId,
      scene.time,
    );
    const route = [`<sip:${token ?? ''}@proxies.example.com;lr>`];
    asked = requestIn(await scene.receives(invite({ ...CALL, route }), AT.alice));
  });
  async function closes({ hop }: Sent): Promise<Sent[]> {
    scene.layer.transportError(hop);
    await scene.settled();
    return scene.takes();
  }
  const other = (): string => (asked.hop.address === q1 ? q2 : q1);

  it('rings on there: its answer comes over another one, and so does the caller’s CANCEL', async () => {
    await scene.receives(respond(asked.message, 180), asked.hop.address);
    expect(await closes(asked)).to.deep.equal([]);
    const sent = await scene.receives(cancel({ ...CALL, branch: 'z9hG4bKbye' }), AT.alice);
    expect(requestIn(sent).message.method).to.equal('CANCEL');
    expect(requestIn(sent).hop).to.equal(asked.hop);
    expect(statuses(await scene.receives(respond(asked.message, 487), asked.hop.address))).to.deep.equal([487]);
  });

  it('ends with 487 when the CANCEL does not get there either', async () => {
    await scene.receives(respond(asked.message, 180), asked.hop.address);
    await scene.receives(cancel({ ...CALL, branch: 'z9hG4bKbye' }), AT.alice);
    expect(statuses(await closes(asked))).to.deep.equal([487]);
  });

  it('goes another way, too, if that had only said 100: it may be dead, or have the call all the same', async () => {
    await scene.receives(respond(asked.message, 100), asked.hop.address);
    const again = requestIn(await closes(asked));
    expect(again.hop.address).to.equal(other());
    expect(await scene.receives(respond(again.message, 482), other())).to.have.lengthOf(1);
    expect(statuses(await scene.receives(respond(asked.message, 200), asked.hop.address))).to.deep.equal([200]);
  });

  it('stays if it had said 100 and no other way leads there', async () => {
    await scene.receives(respond(asked.message, 100), asked.hop.address);
    const again = requestIn(await closes(asked));
    const last = requestIn(await closes(again));
    expect(last.hop.address).to.equal(AT.far.primary);
    expect(await closes(last)).to.deep.equal([]);
    expect(statuses(await scene.receives(respond(asked.message, 200), asked.hop.address))).to.deep.equal([200]);
  });

  it('goes another way if that had said nothing', async () => {
    expect(requestIn(await closes(asked)).hop.address).to.equal(other());
  });
});

/** The far pair has an active member, as this proxy there publishes. */
async function heard(scene: Scene, proxy: string): Promise<void> {
  const pairs = [{ name: 'far', active: 'primary' as const, since: scene.time, members: [] }];
  scene.upstreams.hint({ proxy, geoLocation: 'dc2', at: scene.time, pairs });
  await scene.settled();
}
