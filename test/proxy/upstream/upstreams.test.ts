import { expect } from 'chai';
import { fnv1a } from '../../../proxy/hash.ts';
import { OOS_CHECK, REFUSED, Rig, UP, record, server } from './upstreams-rig.ts';

describe('the pairs of the own data centre', () => {
  it('are pinged from the start, others are not', () => {
    const rig = new Rig([server('ss1'), server('ss2', 'dc2')]);
    expect(rig.pass(60_000).asked).to.deep.equal([]);
    expect(rig.start().asked).to.deep.equal(['ss1 primary', 'ss1 backup']);
  });

  it('get work once a member answers in service, and tell who is told', () => {
    const rig = new Rig([server('ss1')]).start();
    expect(rig.upstreams.chooseForCall('c1')).to.equal(undefined);
    rig.answer();
    expect(rig.switches).to.deep.equal(['ss1: none -> primary']);
    expect(rig.upstreams.chooseForCall('c1')?.active).to.equal(rig.member('ss1', 'primary'));
    expect(rig.upstreams.chooseForAor('alice@example.com')?.name).to.equal('ss1');
  });

  it('leave none for work when none is in service', () => {
    const rig = new Rig([server('ss1'), server('ss2')]).start().answer((member) => member.pair.name === 'ss2');
    expect(rig.upstreams.chooseForCall('c1')?.name).to.equal('ss2');
    rig.upstreams.pinged(rig.member('ss2', 'primary'), REFUSED);
    rig.upstreams.pinged(rig.member('ss2', 'backup'), REFUSED);
    expect(rig.upstreams.chooseForCall('c1')).to.equal(undefined);
  });

  it('start with what most live proxies of the data centre publish', () => {
    const peers = [
      record('p1', 'dc1', 1, { ss1: 'backup' }),
      record('p2', 'dc1', 1, { ss1: 'backup' }),
      record('p3', 'dc1', 1, { ss1: 'primary' }),
      record('p4', 'dc1', 1, { ss1: 'none' }),
      record('q1', 'dc2', 1, { ss1: 'primary' }),
    ];
    expect(new Rig([server('ss1')]).start(...peers).active('ss1')).to.equal('backup');
  });

  it('switch when the other sends a request and answers in service', () => {
    const rig = new Rig([server('ss1')]).start().answer().pass(1000);
    rig.upstreams.requestFrom(rig.member('ss1', 'primary'), rig.now);
    expect(rig.asked).to.deep.equal([]);
    rig.upstreams.requestFrom(rig.member('ss1', 'backup'), rig.now);
    expect(rig.asked).to.deep.equal(['ss1 primary', 'ss1 backup']);
    rig.answer(() => true);
    expect(rig.active('ss1')).to.equal('backup');
  });

  it('are asked at once after a transport error', () => {
    const rig = new Rig([server('ss1')]).start().answer().pass(1000);
    rig.upstreams.unreachable(rig.member('ss1', 'primary'), rig.now);
    expect(rig.asked).to.deep.equal(['ss1 primary', 'ss1 backup']);
  });

  it('are asked at once when another proxy of the data centre publishes another active member, once a switch', () => {
    const rig = new Rig([server('ss1'), server('ss2')]).start().answer().pass(1000);
    rig.upstreams.hint(record('p2', 'dc1', 1, { ss1: 'backup', ss2: 'primary' }));
    expect(rig.asked).to.deep.equal(['ss1 primary', 'ss1 backup']);
    rig
      .answer()
      .pass(1000)
      .upstreams.hint(record('p2', 'dc1', 2, { ss1: 'backup', ss2: 'primary' }));
    expect(rig.asked).to.deep.equal([]);
    expect(rig.active('ss1')).to.equal('primary');
  });

  it('are told of as health, with what others need', () => {
    const rig = new Rig([server('ss1')]).start().answer(() => true);
    expect(rig.upstreams.health(rig.now)).to.deep.equal([
      {
        name: 'ss1',
        active: 'primary',
        since: rig.now,
        dualPrimary: true,
        members: [
          {
            role: 'primary',
            address: '10.0.0.11:5060',
            state: 'InService',
            reason: 'OptionsAnswered',
            since: rig.now,
            rtt: 2,
            smoothedRtt: 2,
          },
          {
            role: 'backup',
            address: '10.0.0.12:5060',
            state: 'InService',
            reason: 'OptionsAnswered',
            since: rig.now,
            rtt: 2,
            smoothedRtt: 2,
          },
        ],
      },
    ]);
  });

  it('tell that health has news only when it has', () => {
    const rig = new Rig([server('ss1')]).start().answer();
    rig.changes = 0;
    rig.pass(5000).answer();
    expect(rig.changes).to.equal(0);
    rig.pass(5000).answer(() => false);
    expect(rig.changes).to.be.greaterThan(0);
  });

  it('say when the next timer is due', () => {
    const rig = new Rig([server('ss1')]);
    expect(rig.upstreams.next()).to.equal(undefined);
    expect(rig.start().upstreams.next()).to.equal(rig.now + 5000);
  });
});

describe('the pairs of other data centres', () => {
  it('have the active member that most of the proxies there publish', () => {
    const rig = new Rig([server('ss1'), server('ss2', 'dc2')]).start();
    expect(rig.upstreams.chooseRemote('c1')).to.equal(undefined);
    rig.upstreams.hint(record('q1', 'dc2', 1, { ss2: 'backup' }));
    rig.upstreams.hint(record('q2', 'dc2', 1, { ss2: 'primary' }));
    rig.upstreams.hint(record('q3', 'dc2', 1, { ss2: 'backup' }));
    rig.upstreams.hint(record('p9', 'dc1', 1, { ss2: 'primary' }));
    expect(rig.active('ss2')).to.equal('backup');
    expect(rig.upstreams.chooseRemote('c1')?.name).to.equal('ss2');
    expect(rig.switches.at(-1)).to.equal('ss2: primary -> backup');
  });

  it('count only proxies heard lately, as long as there are any', () => {
    const rig = new Rig([server('ss2', 'dc2')]).start();
    rig.upstreams.hint(record('q1', 'dc2', 1, { ss2: 'backup' }));
    rig.upstreams.hint(record('q2', 'dc2', 1, { ss2: 'backup' }));
    rig.pass(20_000).upstreams.hint(record('q3', 'dc2', 2, { ss2: 'primary' }));
    expect(rig.active('ss2')).to.equal('backup');
    expect(rig.pass(11_000).active('ss2')).to.equal('primary');
  });

  it('do not go by proxies that are gone, not even when the link to those that came after them is cut', () => {
    const rig = new Rig([server('ss2', 'dc2')]).start();
    for (const old of ['old1', 'old2']) rig.upstreams.hint(record(old, 'dc2', 1, { ss2: 'primary' }));
    for (const now of ['new1', 'new2']) rig.upstreams.hint(record(now, 'dc2', 1, { ss2: 'backup' }));
    for (const old of ['old1', 'old2']) rig.upstreams.proxyGone(old);
    expect(rig.pass(5000).active('ss2')).to.equal('backup');
    expect(rig.pass(3600_000).active('ss2')).to.equal('backup');
  });

  it('keep what was known of them when all are gone', () => {
    const rig = new Rig([server('ss2', 'dc2')]).start(record('q1', 'dc2', 1, { ss2: 'backup' }));
    rig.upstreams.proxyGone('q1');
    expect(rig.pass(60_000).active('ss2')).to.equal('backup');
  });

  it('keep what was known of them when the link is cut', () => {
    const rig = new Rig([server('ss2', 'dc2')]).start(record('q1', 'dc2', 1, { ss2: 'primary' }));
    expect(rig.pass(48 * 3600_000).active('ss2')).to.equal('primary');
  });

  it('have none when most there say so', () => {
    const rig = new Rig([server('ss2', 'dc2')]).start(record('q1', 'dc2', 1, { ss2: 'none' }));
    expect(rig.active('ss2')).to.equal(undefined);
  });
});

describe('finding pairs and members', () => {
  it('is by name, by hash of the name, and by numeric address and port', () => {
    const { upstreams } = new Rig([server('ss1'), server('ss2', 'dc2')]);
    const pair = upstreams.pairNamed('ss2');
    expect(upstreams.pairByHash(fnv1a('ss2')))
      .to.equal(pair)
      .and.not.equal(undefined);
    expect(upstreams.memberAt('10.0.0.22', 5060)).to.equal(pair?.member('backup'));
    expect(upstreams.memberAt('10.0.0.22', 5061)).to.equal(undefined);
    expect(upstreams.memberAtAddress('10.0.0.22')?.role).to.equal('backup');
  });

  it('takes an IPv6 address however it was written', () => {
    const { upstreams } = new Rig([server('ss1', 'dc1', 1, ['2001:DB8:0:0::1', '2001:db8::2'])]);
    expect(upstreams.memberAt('2001:db8::1', 5060)?.role).to.equal('primary');
    expect(upstreams.memberAt('2001:db8::1', 5060)?.label).to.equal('[2001:db8::1]:5060');
  });
});

describe('a changed configuration', () => {
  it('keeps pairs that stay as they were, weights aside', () => {
    const rig = new Rig([server('ss1')]).start().answer();
    const pair = rig.upstreams.pairNamed('ss1');
    rig.upstreams.reconfigure([server('ss1', 'dc1', 0), server('ss2')], OOS_CHECK);
    expect(rig.upstreams.pairNamed('ss1')).to.equal(pair);
    expect(rig.active('ss1')).to.equal('primary');
    expect(rig.upstreams.chooseForCall('c1')).to.equal(undefined);
    rig.answer();
    expect(rig.upstreams.chooseForCall('c1')?.name).to.equal('ss2');
  });

  it('forgets pairs and members that are gone', () => {
    const rig = new Rig([server('ss1'), server('ss2')]).start().answer();
    const gone = rig.member('ss2', 'primary');
    rig.upstreams.reconfigure([server('ss1', 'dc1', 1, ['10.0.0.11'])], OOS_CHECK);
    expect(rig.forgotten).to.have.members(['ss1 backup', 'ss2 primary', 'ss2 backup']);
    rig.upstreams.pinged(gone, UP);
    expect(rig.upstreams.memberAt('10.0.0.21', 5060)).to.equal(undefined);
    expect(rig.upstreams.health(rig.now).map(({ name, members }) => [name, members.length])).to.deep.equal([
      ['ss1', 1],
    ]);
    expect(rig.active('ss1')).to.equal('primary');
  });

  it('keeps the active member when the other one is replaced', () => {
    const rig = new Rig([server('ss1')]).start().answer();
    rig.upstreams.reconfigure([server('ss1', 'dc1', 1, ['10.0.0.11', '10.0.0.99'])], OOS_CHECK);
    expect(rig.active('ss1')).to.equal('primary');
    expect(rig.upstreams.health(rig.now)[0]?.members[1]).to.include({ address: '10.0.0.99:5060', state: 'Unknown' });
  });

  it('leaves an active member that is replaced; its successor takes the place if it answers in service', () => {
    const rig = new Rig([server('ss1')]).start().answer();
    rig.upstreams.reconfigure([server('ss1', 'dc1', 1, ['10.0.0.99', '10.0.0.12'])], OOS_CHECK);
    expect(rig.switches.at(-1)).to.equal('ss1: primary -> none');
    rig.pass(100).answer();
    expect(rig.upstreams.pairNamed('ss1')?.active?.address).to.equal('10.0.0.99');
  });

  it('takes an interval of 0 and back while the incumbent stays', () => {
    const rig = new Rig([server('ss1')]).start().answer((member) => member.role === 'backup');
    rig.upstreams.reconfigure([server('ss1')], { ...OOS_CHECK, interval: 0 });
    rig.pass(60_000);
    expect(rig.asked).to.deep.equal([]);
    expect(rig.active('ss1')).to.equal('backup');
    rig.upstreams.reconfigure([server('ss1')], OOS_CHECK);
    expect(rig.asked).to.deep.equal(['ss1 primary', 'ss1 backup']);
    expect(rig.active('ss1')).to.equal('backup');
  });
});
