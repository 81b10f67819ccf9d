import { expect } from 'chai';
import type { Fault } from './fault.ts';
import type { Outcome } from './outcome.ts';
import { merged, table } from './table.ts';

const fault = (what: string): Fault => ({
  name: what,
  what,
  promise: 'none lost',
  lasts: 0,
  inflict: () => Promise.resolve(),
  heal: () => Promise.resolve(),
});

const outcome = (changes: Partial<Outcome> = {}): Outcome => ({
  callsUp: 20,
  callsLost: 0,
  setups: 90,
  setupsAcross: 0,
  setupsLost: 0,
  setupsLostLate: 0,
  registers: 130,
  registersLost: 0,
  registrationsLost: 0,
  switched: undefined,
  disturbed: 0,
  broken: [],
  failures: [],
  delays: [],
  ...changes,
});

describe('the table of what faults cost', () => {
  it('adds the runs of a fault up, and has the median and the worst of the times', () => {
    const runs = [500, 900, 700].map((switched) => outcome({ switched, setupsLost: 1, disturbed: 2 * switched }));
    expect(
      table(new Map([[fault('killed'), runs]]))
        .split('\n')
        .at(-1),
    ).to.equal('| killed | 3 | 60 | 0 | 270 | 3 | 390 | 0 | 0 | 0.7 s / 0.9 s | 1.4 s / 1.8 s | none lost |');
  });

  it('says apart what was lost against the promise', () => {
    const row = table(new Map([[fault('killed'), [outcome({ setupsLost: 2, setupsLostLate: 1 })]]]));
    expect(row).to.include('| 2 + 1 against the promise |');
  });

  it('says apart what had no path', () => {
    const row = table(new Map([[fault('cut'), [outcome({ setupsAcross: 30 })]]]));
    expect(row).to.include('| 90 + 30 across the cut |');
  });

  it('leaves open what a table of before did not have', () => {
    const before = '| fault | runs | promised |\n| --- | --- | --- |\n| killed | 10 | none |';
    const [head = '', , row] = merged(before, new Map(), []).split('\n');
    const open = head.split(' | ').length - 3;
    expect(row).to.equal(`| killed | 10 | ${'– | '.repeat(open)}none |`);
  });

  it('takes a fault’s new row in place of its old one and keeps those of the others, in the order of the faults', () => {
    const [killed, paused, rolled] = [fault('killed'), fault('paused'), fault('rolled')];
    const before = table(
      new Map([
        [rolled, [outcome()]],
        [killed, [outcome()]],
      ]),
    );
    const now = new Map([
      [paused, [outcome()]],
      [killed, [outcome(), outcome()]],
    ]);
    const rows = merged(`\n\n${before}\n\n`, now, [killed, paused]).split('\n');
    expect(rows.slice(2).map((row) => row.split(' | ').slice(0, 2).join())).to.deep.equal([
      '| killed,2',
      '| paused,1',
      '| rolled,1',
    ]);
  });
});
