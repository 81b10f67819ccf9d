import { expect } from 'chai';
import { judge, type Attempt, type Course } from './attempts.ts';

const course = (changes: Partial<Course> = {}): Course => ({
  at: 2000,
  healed: 12_000,
  parts: false,
  holds: undefined,
  ...changes,
});

const attempt = (changes: Partial<Attempt> = {}): Attempt => ({
  what: 'call',
  from: 'dc1',
  to: 'dc1',
  at: 5000,
  took: 20,
  failure: undefined,
  ...changes,
});

const lost = (changes: Partial<Attempt> = {}): Attempt => attempt({ failure: 'timeout', took: 15_000, ...changes });

describe('attempts around a fault', () => {
  it('are lost late if they begin when the promise holds again, and before that as the promise has it', () => {
    const attempts = [lost({ at: 1990 }), lost({ at: 5000 }), lost({ at: 5600 }), attempt({ at: 5700 })];
    const judgement = judge(attempts, course({ holds: 5500 }));
    expect(judgement).to.include({ setups: 4, setupsLost: 2, setupsLostLate: 1 });
  });

  it('must not be lost at all where none may be, even under way when the fault comes', () => {
    expect(judge([lost({ at: 1990 })], course())).to.include({ setupsLost: 0, setupsLostLate: 1 });
    expect(judge([lost({ at: 1990 })], course({ holds: 2000 }))).to.include({ setupsLost: 1, setupsLostLate: 0 });
  });

  it('are judged inside a data centre while the link between two is cut', () => {
    const whats = ['call', 'hang-up', 'register'] as const;
    const inside = whats.map((what) => lost({ what }));
    expect(judge(inside, course({ parts: true }))).to.include({
      setups: 1,
      setupsAcross: 0,
      setupsLostLate: 1,
      callsLost: 1,
      registersLost: 1,
    });
  });

  it('are set aside and counted if they had to cross the cut while there was one', () => {
    const across = { from: 'dc1', to: 'dc2' } as const;
    const attempts = [
      lost({ ...across, at: 1900 }), // under way when it came
      lost(across),
      lost({ ...across, what: 'hang-up' }),
      attempt({ ...across, at: 1000 }),
      lost({ ...across, at: 12_500 }), // after it was mended
    ];
    const judgement = judge(attempts, course({ parts: true }));
    expect(judgement).to.include({ setups: 2, setupsAcross: 2, setupsLost: 0, setupsLostLate: 1, callsLost: 0 });
    expect(judge(attempts, course())).to.include({ setups: 4, setupsAcross: 0, setupsLostLate: 3, callsLost: 1 });
  });

  it('were disturbed until the last set-up or REGISTER that was late or lost, whatever else was', () => {
    const attempts = [
      attempt({ at: 3500, what: 'register', took: 4000 }),
      attempt({ at: 2500, took: 1500 }),
      attempt({ at: 6000, what: 'hang-up', took: 4000 }),
      attempt({ at: 7000, took: 800 }),
    ];
    const judgement = judge(attempts, course());
    expect(judgement.disturbed).to.equal(1500);
    expect(judgement.delays).to.deep.equal([
      'call from dc1 to dc1 begun at 500 ms: answered after 1500 ms',
      'register from dc1 to dc1 begun at 1500 ms: answered after 4000 ms',
    ]);
  });
});
