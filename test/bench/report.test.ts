import { expect } from 'chai';
import type { Measurement } from './measure.ts';
import { chart, spread, table, type StepResult } from './report.ts';

const one = (contender: string, cpu: number, perSecond = 1000): Measurement => ({
  contender,
  kind: 'call',
  rate: 1000,
  cpu,
  share: 0.2,
  generatorCpu: 100,
  generatorShare: 0.1,
  perSecond,
  begun: 6000,
  failed: 1,
  refused: {},
  retransmitted: 2,
  dropped: 0,
  p50: 1.5,
  p99: 2.5,
  p999: 3.5,
  rss: 90,
  longestPause: contender === 'sipcluster' ? 4.25 : undefined,
});

const result: StepResult = {
  step: { kind: 'call', rate: 1000 },
  title: 'call 1000/s',
  time: '2026-01-02T03:04:05.678Z',
  window: 15,
  compared: 'cpu',
  direct: { p50: 0.5, p99: 1, p999: 5 },
  rounds: [
    { ours: one('sipcluster', 120), theirs: one('Kamailio', 200) },
    { ours: one('sipcluster', 150, 8000), theirs: one('Kamailio', 200) },
    { ours: one('sipcluster', 130), theirs: one('Kamailio', 100) },
  ],
};

describe('the report of the benchmark', () => {
  it('gives the least, the middle and the most of the rounds', () => {
    expect(spread([3, 1, 2])).to.deep.equal({ min: 1, median: 2, max: 3 });
    expect(spread([4, 1, 2, 3])).to.deep.equal({ min: 1, median: 2.5, max: 4 });
  });

  it('divides all of ours by all of theirs, and says what came of single rounds', () => {
    expect(table([result])).to.include('**0.87** (0.60–1.30)');
  });

  it('takes the direct path off the times, and never below nothing', () => {
    expect(table([result])).to.include('1.00 / 1.50 / 0.00');
  });

  it('says when and how long it was measured', () => {
    expect(table([result])).to.include('| 3 × 15 s, 2026-01-02 |');
    expect(table([{ ...result, window: undefined }])).to.include('| 3, 2026-01-02 |');
  });

  it('sums over the rounds what must not happen', () => {
    expect(table([result])).to.include('| 3 | 6 | 0 |');
  });

  it('divides rates where those are what is sought, says which is only the least, and draws none', () => {
    const held = (contender: string, perSecond: number): Measurement => ({ ...one(contender, 100), perSecond });
    const ceiling: StepResult = {
      ...result,
      title: 'ceiling of calls',
      compared: 'perSecond',
      rounds: [{ ours: { ...held('sipcluster', 3000), isLeast: true }, theirs: held('Kamailio', 2000) }],
    };
    expect(table([ceiling]))
      .to.include('**1.50** (1.50–1.50) | ≥ 3000 |')
      .and.to.include('| 2000 |');
    expect(chart([result, ceiling])).to.equal(chart([result]));
  });

  it('says what each connection held takes', () => {
    const holding = (contender: string, kibEach: number): Measurement => ({ ...one(contender, 100), kibEach });
    const tls: StepResult = {
      ...result,
      rounds: [{ ours: holding('sipcluster', 40.4), theirs: holding('Kamailio', 55) }],
    };
    expect(table([tls]))
      .to.include('| 90, 40 KiB a connection |')
      .and.to.include('| 90, 55 KiB a connection |');
  });

  it('says by how much memory grew in minutes', () => {
    const grown = (contender: string, growth: number): Measurement => ({ ...one(contender, 100), growth });
    const soak: StepResult = {
      ...result,
      rounds: [{ ours: grown('sipcluster', 0.0123), theirs: grown('Kamailio', -0.002) }],
    };
    expect(table([soak]))
      .to.include('| 90, +1.2 % |')
      .and.to.include('| 90, −0.2 % |');
  });

  it('draws both', () => {
    expect(chart([result])).to.match(/145 sipcluster<.*167 Kamailio</);
  });
});
