import { expect } from 'chai';
import { MemoryCluster } from '../../../proxy/store/memory.ts';
import { ack, cancel, register } from '../../builders.ts';
import { AT, bye, config, invite, requestIn, respond, Scene, statuses, type Sent } from './scene.ts';
import type { MemberConfig } from '../../../proxy/config.ts';

type Transport = MemberConfig['transport'];

const CALL = { callId: 'call-1', fromTag: 'a', branch: 'z9hG4bKphone', sentBy: `${AT.alice}:5060` };

/** One pair, whose members are reached over this transport. */
async function onePair(transport: Transport): Promise<Scene> {
  const [ss1] = config().servers;
  if (ss1 === undefined) throw new Error('no ss1');
  const members = ss1.members.map((member) => ({ ...member, transport }));
  return await Scene.begin({
    servers: [{ ...ss1, members }],
    listeners: [
      { transport: 'UDP', port: 5060, side: 'Both' },
      ...(transport === 'UDP' ? [] : [{ transport, port: transport === 'TLS' ? 5061 : 5070, side: 'Both' } as const]),
    ],
  });
}

const requests = (sent: readonly Sent[]): string[] =>
  sent.filter((s) => s.message.isRequest).map((s) => `${s.message.method} ${s.hop.address}`);

/** The primary is gone without a word and the backup answers: what the proxy sends then. */
async function switches(scene: Scene, asked: Sent, transport: Transport): Promise<Sent[]> {
  scene.pinged('ss1', 'primary', 'Timeout');
  scene.pinged('ss1', 'backup', 200);
  // as main does: streams to a member that is Down are closed
  if (transport !== 'UDP') scene.layer.transportError(asked.hop);
  await scene.settled();
  return scene.takes();
}

for (const transport of ['UDP', 'TCP', 'TLS'] as const) {
  describe(`what is under way over ${transport} when a pair switches`, () => {
    let scene: Scene;
    let asked: Sent;
    beforeEach(async () => {
      scene = await onePair(transport);
      asked = requestIn(await scene.receives(invite(CALL), AT.alice));
      expect(asked.hop.transport).to.equal(transport);
    });

    for (const [what, status] of [
      ['has no answer yet', 0],
      ['has only 100', 100],
    ] as const) {
      it(`is an INVITE that ${what}: sent once to the new member, on a new branch`, async () => {
        if (status > 0) await scene.receives(respond(asked.message, status), AT.ss1.primary);
        const sent = await switches(scene, asked, transport);
        expect(requests(sent)).to.deep.equal([`INVITE ${AT.ss1.backup}`]);
        const again = requestIn(sent);
        expect(again.message.via.branch).to.not.equal(asked.message.via.branch);
        expect(scene.core.counts.resentAtSwitch).to.equal(1);
        expect(statuses(await scene.receives(respond(again.message, 200), AT.ss1.backup))).to.deep.equal([200]);
      });
    }

    for (const [what, text] of [
      ['a BYE', bye({ ...CALL, branch: 'z9hG4bKbye', cseq: 2, toTag: 'b' })],
      ['a REGISTER', register({ branch: 'z9hG4bKreg', sentBy: `${AT.alice}:5060` })],
    ] as const) {
      it(`is ${what} without an answer: sent once to the new member, within what is left of Timer F`, async () => {
        asked = requestIn(await scene.receives(text, AT.alice));
        await scene.passes(10_000);
        const again = (await switches(scene, asked, transport)).filter(
          ({ message }) => message.isRequest && message.method !== 'INVITE',
        );
        expect(again.map(({ hop }) => hop.address)).to.deep.equal([AT.ss1.backup]);
        await scene.passes(22_500);
        const late = (await scene.passes(8_000)).filter(({ message }) => message.method !== 'INVITE');
        expect(requests(late), 'Timer F began with the first try').to.deep.equal([]);
        await scene.passes(170_000);
        expect(scene.core.pendingCopies).to.equal(0);
      });
    }

    it('is an INVITE whose 100 is older than Timer B: that had stopped, and begins anew', async () => {
      await scene.receives(respond(asked.message, 100), AT.ss1.primary);
      await scene.passes(40_000);
      const again = requestIn(await switches(scene, asked, transport));
      const sent = (await scene.passes(20_000)).filter(({ hop }) => hop.address !== AT.ss1.backup);
      expect([requests(sent), statuses(sent)]).to.deep.equal([[], []]);
      expect(statuses(await scene.receives(respond(again.message, 200), AT.ss1.backup))).to.deep.equal([200]);
    });

    it('is an INVITE with 100 that the backup has already: its 482 is no answer, the first try’s is', async () => {
      await scene.receives(respond(asked.message, 100), AT.ss1.primary);
      const again = requestIn(await switches(scene, asked, transport));
      expect(statuses(await scene.receives(respond(again.message, 482), AT.ss1.backup))).to.deep.equal([]);
      expect(scene.core.counts.mergedAtSwitch).to.equal(1);
      // the promoted member answers what its predecessor was asked
      expect(statuses(await scene.receives(respond(asked.message, 200), AT.ss1.backup))).to.deep.equal([200]);
    });

    it('is an INVITE that the member which lost its place answers 503: the other’s answer counts', async () => {
      await scene.receives(respond(asked.message, 100), AT.ss1.primary);
      const again = requestIn(await switches(scene, asked, transport));
      expect(statuses(await scene.receives(respond(asked.message, 503), AT.ss1.primary))).to.deep.equal([]);
      expect(scene.core.counts.overruledAtSwitch).to.equal(1);
      expect(statuses(await scene.receives(respond(again.message, 200), AT.ss1.backup))).to.deep.equal([200]);
    });

    it('is a ringing INVITE: left to the server’s own recovery', async () => {
      await scene.receives(respond(asked.message, 180), AT.ss1.primary);
      expect(requests(await switches(scene, asked, transport))).to.deep.equal([]);
      expect(scene.core.counts.ringingAtSwitch).to.equal(1);
      expect(statuses(await scene.receives(respond(asked.message, 200), AT.ss1.backup))).to.deep.equal([200]);
    });

    it('is a ringing INVITE that nobody recovers: ended by Timer C at worst', async () => {
      await scene.receives(respond(asked.message, 180), AT.ss1.primary);
      await switches(scene, asked, transport);
      expect(new Set(statuses(await scene.passes(230_000)))).to.deep.equal(new Set([408]));
      expect(scene.core.counts.timerC).to.equal(1);
      await scene.passes(40_000);
      expect(scene.layer.idle).to.equal(true);
    });

    it('is a CANCEL that no longer gets to its member: the caller is told 487', async () => {
      await scene.receives(respond(asked.message, 180), AT.ss1.primary);
      await switches(scene, asked, transport);
      await scene.receives(cancel(CALL), AT.alice);
      scene.layer.transportError(asked.hop);
      await scene.settled();
      expect(statuses(scene.takes())).to.deep.equal([487]);
    });

    it('is a CANCEL: it goes to the exact address of its INVITE', async () => {
      await scene.receives(respond(asked.message, 180), AT.ss1.primary);
      await switches(scene, asked, transport);
      expect(requests(await scene.receives(cancel(CALL), AT.alice))).to.deep.equal([`CANCEL ${AT.ss1.primary}`]);
    });
  });
}

for (const transport of ['TCP', 'TLS'] as const) {
  describe(`what is under way when the ${transport} connection to a member ends that is in service`, () => {
    let scene: Scene;
    beforeEach(async () => {
      scene = await onePair(transport);
    });
    /** The connection ends; the member answers the ping that follows. */
    async function ends({ hop }: Sent): Promise<Sent[]> {
      scene.layer.transportError(hop);
      scene.pinged('ss1', 'primary', 200);
      await scene.settled();
      return scene.takes();
    }

    for (const [what, text] of [
      ['a BYE', bye({ ...CALL, toTag: 'b' })],
      ['a re-INVITE', invite({ ...CALL, toTag: 'b' })],
      ['a new INVITE', invite(CALL)],
      ['a REGISTER', register({ sentBy: `${AT.alice}:5060` })],
    ] as const) {
      it(`is ${what} without an answer: sent again over a new one, with its branch, since the member may have it`, async () => {
        const asked = requestIn(await scene.receives(text, AT.alice));
        await scene.passes(10_000);
        const again = requestIn(await ends(asked));
        expect([again.hop, again.text]).to.deep.equal([asked.hop, asked.text]);
        expect(scene.core.counts.resentAfterClose).to.equal(1);
        expect(statuses(await scene.receives(respond(again.message, 200), AT.ss1.primary))).to.include(200);
        expect(scene.core.pendingCopies).to.equal(0);
      });
    }

    it('waits 16 s from then for a member, however old it is, if it was answered 100 and there is none', async () => {
      const asked = requestIn(await scene.receives(invite(CALL), AT.alice));
      await scene.receives(respond(asked.message, 100), AT.ss1.primary);
      await scene.passes(40_000);
      scene.pinged('ss1', 'primary', 'Timeout');
      scene.layer.transportError(asked.hop);
      expect(await scene.passes(15_000)).to.deep.equal([]);
      scene.pinged('ss1', 'backup', 200);
      expect(requests(scene.takes())).to.deep.equal([`INVITE ${AT.ss1.backup}`]);
    });

    it('is sent again once only: then it waits for a switch', async () => {
      const again = requestIn(await ends(requestIn(await scene.receives(bye({ ...CALL, toTag: 'b' }), AT.alice))));
      expect(await ends(again)).to.deep.equal([]);
      scene.pinged('ss1', 'primary', 'ConnectionRefused');
      scene.pinged('ss1', 'backup', 200);
      const promoted = requestIn(scene.takes());
      expect(promoted.hop.address).to.equal(AT.ss1.backup);
      expect(statuses(await scene.receives(respond(promoted.message, 200), AT.ss1.backup))).to.deep.equal([200]);
    });

    it('has only what the first time left of Timer F', async () => {
      const asked = requestIn(await scene.receives(bye({ ...CALL, toTag: 'b' }), AT.alice));
      await scene.passes(10_000);
      await ends(asked);
      await scene.passes(22_500);
      expect(scene.core.pendingCopies).to.equal(0);
    });
  });
}

it('a new INVITE whose connection ends goes to another pair where there is one', async () => {
  const servers = config().servers.map((server) => ({
    ...server,
    members: server.members.map((member) => ({ ...member, transport: 'TCP' as const })),
  }));
  const listeners = (['UDP', 'TCP'] as const).map((transport) => ({ transport, port: 5060, side: 'Both' as const }));
  const scene = await Scene.begin({ servers, listeners });
  const asked = requestIn(await scene.receives(invite(CALL), AT.alice));
  scene.layer.transportError(asked.hop);
  const other = asked.hop.address === AT.ss1.primary ? AT.ss2.primary : AT.ss1.primary;
  expect(requests(scene.takes())).to.deep.equal([`INVITE ${other}`]);
});

describe('what is under way when a pair loses its last member', () => {
  let scene: Scene;
  const lost = async (asked: Sent): Promise<string[]> => {
    scene.pinged(asked.hop.address === AT.ss1.primary ? 'ss1' : 'ss2', 'primary', 'Timeout');
    await scene.settled();
    return requests(scene.takes());
  };
  beforeEach(async () => {
    scene = await Scene.begin();
  });

  it('goes to another pair if it is new and nobody has answered it', async () => {
    const asked = requestIn(await scene.receives(invite(CALL), AT.alice));
    const other = asked.hop.address === AT.ss1.primary ? AT.ss2.primary : AT.ss1.primary;
    expect(await lost(asked)).to.deep.equal([`INVITE ${other}`]);
    expect(scene.core.counts.triedOtherPair).to.equal(1);
    const registering = requestIn(await scene.receives(register({ from: 'bob', sentBy: `${AT.bob}:5060` }), AT.bob));
    expect(registering.hop.address).to.equal(other);
  });

  it('is taken by the first pair all the same if that answers 200 after all, and no longer rings at the other', async () => {
    const asked = requestIn(await scene.receives(invite(CALL), AT.alice));
    scene.pinged(asked.hop.address === AT.ss1.primary ? 'ss1' : 'ss2', 'primary', 'Timeout');
    await scene.settled();
    const again = requestIn(scene.takes());
    await scene.receives(respond(again.message, 180), again.hop.address);
    expect(statuses(await scene.receives(respond(asked.message, 180), asked.hop.address))).to.deep.equal([]);
    const sent = await scene.receives(respond(asked.message, 200), asked.hop.address);
    expect([statuses(sent), requests(sent)]).to.deep.equal([[200], [`CANCEL ${again.hop.address}`]]);
    expect(statuses(await scene.receives(respond(asked.message, 200), asked.hop.address))).to.deep.equal([200]);
  });

  it('no longer rings at its own once another pair is asked, if that has said 100', async () => {
    const asked = requestIn(await scene.receives(invite(CALL), AT.alice));
    const { hop } = asked;
    await scene.receives(respond(asked.message, 100), hop.address);
    const pair = hop.address === AT.ss1.primary ? 'ss1' : 'ss2';
    scene.pinged(pair, 'primary', 'Timeout');
    scene.pinged(pair, 'backup', 200);
    const again = requestIn(scene.takes());
    const sent = await scene.receives(respond(again.message, 503), again.hop.address);
    const other = pair === 'ss1' ? AT.ss2.primary : AT.ss1.primary;
    expect(requests(sent).filter((one) => !one.startsWith('ACK'))).to.have.members([
      `CANCEL ${hop.address}`,
      `INVITE ${other}`,
    ]);
  });

  it('goes to a pair that takes no new calls, too, if it is a REGISTER', async () => {
    const servers = config().servers.map((server) => ({ ...server, weight: server.name === 'ss1' ? 1 : 0 }));
    scene = await Scene.begin({ servers });
    let [asked, i] = [undefined as Sent | undefined, 0];
    while (asked?.hop.address !== AT.ss1.primary) {
      const text = register({ from: `u${i}`, callId: `r${i}`, branch: `z9hG4bKr${i++}`, sentBy: `${AT.bob}:5060` });
      asked = requestIn(await scene.receives(text, AT.bob));
    }
    expect(await lost(asked)).to.deep.equal([`REGISTER ${AT.ss2.primary}`]);
  });

  it('stays if a server has said 100: the promoted member may have it', async () => {
    const asked = requestIn(await scene.receives(invite(CALL), AT.alice));
    await scene.receives(respond(asked.message, 100), asked.hop.address);
    expect(await lost(asked)).to.deep.equal([]);
  });

  it('stays if it is inside a dialog', async () => {
    const asked = requestIn(await scene.receives(bye({ ...CALL, toTag: 'b' }), AT.alice));
    expect(await lost(asked)).to.deep.equal([]);
  });
});

describe('a request of a call whose pair has no member in service', () => {
  let scene: Scene;
  let other: 'ss1' | 'ss2';
  beforeEach(async () => {
    scene = await Scene.begin();
    const asked = requestIn(await scene.receives(invite(CALL), AT.alice));
    await scene.receives(respond(asked.message, 100), asked.hop.address);
    const held = asked.hop.address === AT.ss1.primary ? 'ss1' : 'ss2';
    other = held === 'ss1' ? 'ss2' : 'ss1';
    scene.pinged(held, 'primary', 'Timeout');
    scene.takes();
  });

  it('goes to another pair if it is in no dialog, as an INVITE dialled again', async () => {
    const again = await scene.receives(invite({ ...CALL, branch: 'z9hG4bKagain', cseq: 2 }), AT.alice);
    expect(requests(again)).to.deep.equal([`INVITE ${AT[other].primary}`]);
    expect(scene.replica.call(CALL.callId)?.pair).to.equal(other);
    expect(scene.core.counts.redialledElsewhere).to.equal(1);
  });

  for (const header of ['Replaces', 'Join']) {
    it(`waits for the promoted member if it names the call by ${header}: no other pair has it`, async () => {
      const headers = [`${header}: ${CALL.callId};to-tag=b;from-tag=a`];
      const taking = { callId: 'taking', branch: 'z9hG4bKtaking', sentBy: `${AT.bob}:5060`, headers };
      expect(statuses(await scene.receives(invite(taking), AT.bob))).to.deep.equal([100]);
      const held = other === 'ss1' ? 'ss2' : 'ss1';
      scene.pinged(held, 'backup', 200);
      expect(requests(scene.takes())).to.include(`INVITE ${AT[held].backup}`);
      expect(scene.core.counts.waitedForMember).to.equal(1);
      expect(scene.replica.call('taking')?.pair).to.equal(held);
    });
  }

  it('waits for the promoted member inside the dialog, and gets 503 if none is', async () => {
    const text = bye({ ...CALL, branch: 'z9hG4bKbye', cseq: 2, toTag: 'b' });
    expect(await scene.receives(text, AT.alice)).to.deep.equal([]);
    // RFC 4320: 100 once its sender repeats it every 4 s
    expect(statuses(await scene.passes(16_100))).to.deep.equal([100, 503]);
    expect(scene.core.counts.waitedInVain).to.equal(1);
  });

  it('gets 503 at once if it is in no dialog and no other pair is in service', async () => {
    scene.pinged(other, 'primary', 'Timeout');
    const again = await scene.receives(invite({ ...CALL, branch: 'z9hG4bKagain', cseq: 2 }), AT.alice);
    expect(statuses(again)).to.deep.equal([503]);
  });
});

describe('a request of a call that nobody knows', () => {
  const text = bye({ ...CALL, toTag: 'b' });

  it('goes to the pair that its Call-ID hashes to, which answers 481 itself', async () => {
    const scene = await Scene.begin();
    expect(requestIn(await scene.receives(text, AT.alice)).message.method).to.equal('BYE');
  });

  it('is left to another proxy as long as another data centre’s store has not been read: it may be known there', async () => {
    const cluster = new MemoryCluster({ now: () => 0 });
    cluster.setAvailable('dc2', false);
    const scene = await Scene.begin({}, true, cluster);
    expect(statuses(await scene.receives(text, AT.alice))).to.deep.equal([503]);
    expect(await scene.receives(ack({ ...CALL, toTag: 'b', branch: 'z9hG4bKack' }), AT.alice)).to.deep.equal([]);
    cluster.setAvailable('dc2', true);
    await scene.settled();
    expect(
      requestIn(await scene.receives(bye({ ...CALL, toTag: 'b', branch: 'z9hG4bKb2' }), AT.alice)).message.method,
    ).to.equal('BYE');
  });
});
