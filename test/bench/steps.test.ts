import { expect } from 'chai';
import { ALL_STEPS, parseStep, QUICK_STEPS, titleOf } from './steps.ts';

describe("the benchmark's steps", () => {
  it('are read from their names', () => {
    expect(parseStep('dialog@500')).to.deep.equal({ kind: 'dialog', rate: 500 });
    expect(parseStep('ceiling')).to.deep.equal({ kind: 'ceiling', rate: 1000 });
    expect(parseStep('ceiling@200')).to.deep.equal({ kind: 'ceiling', rate: 200 });
    for (const text of [...ALL_STEPS, ...QUICK_STEPS]) expect(titleOf(parseStep(text))).to.be.a('string');
  });

  it('are listed where there is none of the name, or no rate', () => {
    for (const text of ['bell@100', 'call', 'call@0', 'call@fast', 'toString@1', 'ceiling@0']) {
      expect(() => parseStep(text)).to.throw(`no step "${text}": steps are call@RATE, ceiling, dialog@RATE`);
    }
  });
});
