import { expect } from 'chai';
import { filled, merged, written, type BenchRecord } from './record.ts';
import type { StepResult } from './report.ts';
import { parseStep, titleOf } from './steps.ts';

const machine = { cpu: 'a CPU', cores: 2, kamailio: 'kamailio 5.6.3', node: 'v26.0.0' };

function result(text: string, time: string): StepResult {
  const step = parseStep(text, { connections: 10, minutes: 1 });
  const direct = { p50: 1, p99: 1, p999: 1 };
  return { step, title: titleOf(step), time, window: 15, compared: 'cpu', direct, rounds: [] };
}

function record(...results: StepResult[]): BenchRecord {
  return { machine, results };
}

describe("the benchmark's record", () => {
  const before = record(result('call@500', '2026-01-01'), result('call@1000', '2026-01-01'));

  it('keeps what was not measured again, in the order of steps and rates', () => {
    const now = record(
      result('dialog@100', '2026-01-02'),
      result('call@500', '2026-01-02'),
      result('call@2000', '2026-01-02'),
    );
    expect(merged(before, now).results.map(({ title, time }) => `${title} ${time}`)).to.deep.equal([
      'call 500/s 2026-01-02',
      'call 1000/s 2026-01-01',
      'call 2000/s 2026-01-02',
      'dialog 100/s 2026-01-02',
    ]);
  });

  it('begins anew on another machine, or with other programs', () => {
    const now = { machine: { ...machine, node: 'v27.0.0' }, results: [result('call@2000', '2026-01-02')] };
    expect(merged(before, now)).to.deep.equal(now);
    expect(merged(undefined, now)).to.deep.equal(now);
  });

  it('is put between the marks of the page, and nothing else of it changes', () => {
    const page = filled('# Page\n\n<!-- bench -->\nold\n<!-- /bench -->\n\nrest\n', before);
    expect(page).to.match(
      /^# Page\n\n<!-- bench -->\n\na CPU, 2 cores, kamailio 5\.6\.3, Node\.js v26\.0\.0:\n\n\| step /,
    );
    expect(page).to.match(/<!-- \/bench -->\n\nrest\n$/);
    expect(page).to.not.include('old');
    expect(filled(page, before)).to.equal(page);
  });

  it('is written with a line for each round, and read as it was', () => {
    const rounds = [1, 2].map((cpu) => ({ ours: { cpu }, theirs: { cpu: 3 } })) as unknown as StepResult['rounds'];
    const whole = record({ ...result('call@500', '2026-01-01'), rounds });
    expect(JSON.parse(written(whole))).to.deep.equal(JSON.parse(JSON.stringify(whole)));
    expect(written(whole).split('\n')).to.include('        {"ours":{"cpu":1},"theirs":{"cpu":3}},');
  });
});
