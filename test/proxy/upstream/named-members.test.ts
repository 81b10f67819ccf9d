import { expect } from 'chai';
import { Rig, server } from './upstreams-rig.ts';

/** The look-ups under way end. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('members configured by name', () => {
  const byName = server('ss1', 'dc1', 1, ['a.example.com', 'b.example.com']);

  it('are pinged once their names are resolved, and found by address', async () => {
    const rig = new Rig([byName]);
    rig.names = { 'a.example.com': ['10.1.0.1'], 'b.example.com': ['10.1.0.2'] };
    rig.start();
    expect(rig.asked).to.deep.equal([]);
    await settle();
    rig.pass(100);
    expect(rig.asked).to.deep.equal(['ss1 primary', 'ss1 backup']);
    expect(rig.upstreams.memberAt('10.1.0.2', 5060)?.role).to.equal('backup');
  });

  it('are found by their names, too, which URIs may say', () => {
    const { upstreams } = new Rig([server('ss1', 'dc1', 1, ['A.example.com', 'b.example.com'])]);
    expect(upstreams.memberAt('a.example.com', 5060)?.role).to.equal('primary');
    expect(upstreams.memberAt('a.example.com', 5070)).to.equal(undefined);
  });

  it('are Down with the reason while their name has no address, and tried again', async () => {
    const rig = new Rig([byName]);
    rig.names = { 'b.example.com': ['10.1.0.2'] };
    rig.start();
    await settle();
    rig.pass(100).answer(() => true);
    expect(rig.upstreams.health(rig.now)[0]?.members[0]).to.include({
      state: 'Down',
      reason: 'NameNotResolved',
      address: 'a.example.com:5060',
    });
    expect(rig.active('ss1')).to.equal('backup');
    rig.names['a.example.com'] = ['10.1.0.1'];
    rig.pass(5000);
    await settle();
    expect(rig.member('ss1', 'primary').address).to.equal('10.1.0.1');
  });

  it('are resolved again every 30 s; the address in use stays while it is among the answers, and when there is none', async () => {
    const rig = new Rig([byName]);
    rig.names = { 'a.example.com': ['10.1.0.1'], 'b.example.com': ['10.1.0.2'] };
    rig.start();
    await settle();
    rig.names['a.example.com'] = ['10.1.0.9', '10.1.0.1'];
    rig.pass(30_000);
    await settle();
    expect(rig.member('ss1', 'primary').address).to.equal('10.1.0.1');
    rig.names['a.example.com'] = undefined;
    rig.pass(30_000);
    await settle();
    expect(rig.member('ss1', 'primary').address).to.equal('10.1.0.1');
    rig.names['a.example.com'] = ['10.1.0.9'];
    rig.pass(30_000);
    await settle();
    expect(rig.upstreams.memberAt('10.1.0.9', 5060)?.role).to.equal('primary');
    expect(rig.upstreams.memberAt('10.1.0.1', 5060)).to.equal(undefined);
  });
});

describe('a member configured by name that is Down', () => {
  const byName = server('ss1', 'dc1', 1, ['a.example.com', 'b.example.com']);

  async function down(addresses: readonly string[]): Promise<Rig> {
    const rig = new Rig([byName]);
    rig.names = { 'a.example.com': addresses, 'b.example.com': ['10.1.0.2'] };
    rig.start();
    await settle();
    rig.pass(100).answer();
    rig.pass(10_000).answer(() => false);
    return rig;
  }
  const primary = (rig: Rig): string => rig.member('ss1', 'primary').address;

  it('is found 5 s after it was started again with another address, and asked there at once', async () => {
    const rig = await down(['10.1.0.1']);
    rig.names['a.example.com'] = ['10.1.0.7'];
    rig.pass(1);
    await settle();
    expect(primary(rig)).to.equal('10.1.0.7');
    rig.pass(100);
    expect(rig.asked).to.include('ss1 primary');
    rig.answer(() => false);
    rig.names['a.example.com'] = ['10.1.0.8'];
    rig.pass(4_800);
    await settle();
    expect(primary(rig), 'no name is asked for more often').to.equal('10.1.0.7');
    rig.pass(200);
    await settle();
    expect(primary(rig)).to.equal('10.1.0.8');
  });

  it('is tried at the other addresses of its name in turn (RFC 3263 4.3), and stays where it answers', async () => {
    const rig = await down(['10.1.0.1', '10.1.0.7', '10.1.0.8']);
    for (const address of ['10.1.0.7', '10.1.0.8', '10.1.0.1', '10.1.0.7']) {
      rig.pass(5_001);
      await settle();
      expect(primary(rig)).to.equal(address);
      rig.pass(100).answer(() => false);
    }
    rig.pass(500).answer();
    expect(rig.active('ss1')).to.equal('primary');
    rig.pass(30_000).answer();
    await settle();
    expect(primary(rig)).to.equal('10.1.0.7');
  });
});
