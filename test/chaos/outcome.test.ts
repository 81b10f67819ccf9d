import { expect } from 'chai';
import { isAsPromised, type Outcome } from './outcome.ts';

const whole: Outcome = {
  callsUp: 120,
  callsLost: 0,
  setups: 100,
  setupsAcross: 30,
  setupsLost: 2,
  setupsLostLate: 0,
  registers: 150,
  registersLost: 0,
  registrationsLost: 0,
  switched: 2500,
  disturbed: 8000,
  broken: [],
  failures: ['two of those that may be lost'],
  delays: ['some took long'],
};

describe('the outcome of a fault', () => {
  it('is as promised if only such set-ups were lost that may be, however long some took', () => {
    expect(isAsPromised(whole)).to.equal(true);
  });

  for (const what of ['callsLost', 'setupsLostLate', 'registersLost', 'registrationsLost'] as const) {
    it(`is not with ${what}`, () => expect(isAsPromised({ ...whole, [what]: 1 })).to.equal(false));
  }

  it('is not if anything else that was promised is broken', () => {
    expect(isAsPromised({ ...whole, broken: ['switched after 4000 ms, promised are 3500 ms'] })).to.equal(false);
  });
});
