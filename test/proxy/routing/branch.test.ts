import { expect } from 'chai';
import { Branches, proxyName, proxyOf } from '../../../proxy/routing/branch.ts';

const of = (branches: Branches, target = 'sip:bob@192.0.2.4', attempt = 1) =>
  branches.branch('z9hG4bK776', 'pc33.example.com', 'a84b4c76e66710', 314159, target, attempt, 7);

describe('a branch', () => {
  it('is the same for a retransmission that meets a restarted proxy', () => {
    expect(of(new Branches('voice/cc/switch/dn', 'p1'))).to.equal(of(new Branches('voice/cc/switch/dn', 'p1')));
  });

  it('differs for every fork and every try', () => {
    const branches = new Branches('shard', 'p1');
    const all = ['sip:bob@a', 'sip:bob@b'].flatMap((target) =>
      [1, 2, 3].map((attempt) => of(branches, target, attempt)),
    );
    expect(new Set(all).size).to.equal(6);
  });

  it('writes its numbers in base 36, seven digits each', () => {
    const branches = new Branches('shard', 'p1');
    for (const loop of [0, 1, 35, 36, 46_655, 46_656, 2 ** 31, 2 ** 32 - 1, 123_456_789]) {
      const branch = branches.branch('z9hG4bK776', 'pc33', 'a84b', 1, 'sip:bob@a', 1, loop);
      expect(branch.slice(-7)).to.equal(loop.toString(36).padStart(7, '0'));
    }
  });

  it('differs from shard to shard', () => {
    expect(of(new Branches('a', 'p1'))).to.not.equal(of(new Branches('b', 'p1')));
  });

  it('carries the magic cookie and names its proxy', () => {
    const branch = of(new Branches('shard', 'proxy-7'));
    expect(branch).to.match(/^z9hG4bK[a-z0-9]+$/);
    expect(proxyOf(branch)).to.equal(proxyName('proxy-7'));
    expect(proxyOf('z9hG4bKnashds8')).to.equal(undefined);
  });

  it('is told from others by the proxy that wrote it', () => {
    const ours = new Branches('shard', 'p1');
    expect(ours.isOurs(of(ours))).to.equal(true);
    expect(ours.isOurs(of(new Branches('shard', 'p2')))).to.equal(false);
  });

  it('does not collide in a hundred thousand calls', () => {
    const branches = new Branches('shard', 'p1');
    const seen = new Set<string>();
    for (let i = 0; i < 100_000; i++)
      seen.add(branches.branch(`z9hG4bK-${i}`, '10.0.0.1', `${i}@10.0.0.1`, 1, 'ss1', 1, 7));
    expect(seen.size).to.equal(100_000);
  });
});
