import { expect } from 'chai';
import { StatusWriter } from '../../operator/status-writer.ts';
import type { SipClusterStatus } from '../../operator/sip-cluster.ts';
import { GivenTime } from './given-time.ts';
import { resource } from './resources.ts';

const cluster = resource('minimal');
const status = (observedGeneration: number): SipClusterStatus => ({ observedGeneration });

describe('writing status', () => {
  let clock: GivenTime;
  let writer: StatusWriter;
  let written: number[];

  beforeEach(() => {
    clock = new GivenTime();
    written = [];
    const apply = async (object: { metadata: object }) => {
      written.push(clock.now());
      return { ...object, status: status(0) } as never;
    };
    writer = new StatusWriter({ apply }, clock);
  });

  /** Comes as often as it is told to, until it is written; how often that was. */
  async function comes(key: string): Promise<number> {
    for (let times = 1; ; times++) {
      const answer = await writer.write(key, cluster, status(1));
      if (typeof answer !== 'number') return times;
      await clock.sleep(answer, new AbortController().signal);
    }
  }

  it('happens at once, and not at all where nothing is new', async () => {
    expect(await comes('a')).to.equal(1);
    expect(await writer.write('a', { ...cluster, status: status(1) }, status(1))).to.equal(undefined);
    expect(written).to.deep.equal([0]);
  });

  it('knows how long ago the status that was looked at least lately was true', async () => {
    expect(writer.age).to.equal(0);
    await comes('a');
    await clock.move(5000);
    await comes('b');
    expect(writer.age).to.equal(5000);
    await writer.write('a', { ...cluster, status: status(1) }, status(1));
    expect(writer.age).to.equal(0);
    await clock.move(1000);
    writer.forget('a');
    writer.forget('b');
    expect(writer.age).to.equal(0);
  });

  it('happens every two seconds at most for one resource', async () => {
    await comes('a');
    expect(await writer.write('a', cluster, status(2))).to.equal(2000);
  });

  it('happens ten times a second at most for all, and each of many comes back once', async () => {
    const coming = Promise.all(Array.from({ length: 200 }, (_, i) => comes(`cluster-${i}`)));
    await clock.move(30_000);
    expect(Math.max(...(await coming))).to.equal(2);
    expect(written).to.have.length(200);
    for (let second = 0; second < 20; second++) {
      const within = written.filter((at) => at >= second * 1000 && at < (second + 1) * 1000);
      expect(within.length, `second ${second}`).to.be.at.most(10);
    }
  });
});
