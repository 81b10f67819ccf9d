import { expect } from 'chai';
import { ack } from '../../builders.ts';
import { AT, bye, config, invite, requestIn, respond, Scene, type Sent } from './scene.ts';

const CALL = { callId: 'call-1', fromTag: 'a', branch: 'z9hG4bKphone', sentBy: `${AT.alice}:5060` };
const IN_DIALOG = { ...CALL, toTag: 'b' };
const requests = (sent: readonly Sent[]): string[] =>
  sent.filter((s) => s.message.isRequest).map((s) => `${s.message.method} ${s.hop.address}`);

describe('the ACK of a 2xx whose pair has no active member', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.begin({ servers: config().servers.filter(({ name }) => name !== 'ss2') });
    const asked = requestIn(await scene.receives(invite(CALL), AT.alice));
    await scene.receives(respond(asked.message, 200), asked.hop.address);
    scene.pinged('ss1', 'primary', 'Timeout');
    scene.takes();
  });
  const acknowledges = async (more: Parameters<typeof ack>[0] = {}): Promise<Sent[]> =>
    await scene.receives(ack({ ...IN_DIALOG, branch: 'z9hG4bKack', ...more }), AT.alice);
  function promoted(): Sent[] {
    scene.pinged('ss1', 'backup', 200);
    return scene.takes();
  }

  it('is sent to the promoted one, before what else waits for it', async () => {
    expect(await acknowledges()).to.deep.equal([]);
    await scene.receives(bye({ ...IN_DIALOG, branch: 'z9hG4bKbye', cseq: 2 }), AT.alice);
    expect(requests(promoted())).to.deep.equal([`ACK ${AT.ss1.backup}`, `BYE ${AT.ss1.backup}`]);
    expect(scene.core.counts).to.include({ acksHeld: 1, strayAcks: 0 });
  });

  it('is sent once', async () => {
    await acknowledges();
    expect(requests(promoted())).to.deep.equal([`ACK ${AT.ss1.backup}`]);
    scene.pinged('ss1', 'backup', 'Timeout');
    expect(requests(promoted())).to.deep.equal([]);
  });

  it('is dropped after 16 s', async () => {
    await acknowledges();
    await scene.passes(8_000);
    await acknowledges({ branch: 'z9hG4bKack2' });
    await scene.passes(8_100);
    expect(scene.core.counts.strayAcks).to.equal(1);
    expect(requests(promoted())).to.deep.equal([`ACK ${AT.ss1.backup}`]);
  });

  it('is dropped where 4 MiB of others wait, until they have gone', async () => {
    const headers = [`X-Data: ${'x'.repeat(60_000)}`];
    for (let i = 0; i < 80; i++) await acknowledges({ branch: `z9hG4bKack${i}`, headers });
    expect(scene.core.counts.acksHeld).to.be.within(65, 72);
    expect(scene.core.counts.strayAcks).to.equal(80 - scene.core.counts.acksHeld);
    await scene.passes(16_100);
    expect(scene.core.counts.strayAcks).to.equal(80);
    await acknowledges();
    expect(requests(promoted())).to.deep.equal([`ACK ${AT.ss1.backup}`]);
  });
});
