import { expect } from 'chai';
import { ALL_STEPS, parseStep, QUICK_STEPS, titleOf } from './steps.ts';

const extent = { connections: 100, minutes: 10 };

describe("the benchmark's steps", () => {
  it('are read from their names', () => {
    expect(parseStep('dialog@500', extent)).to.deep.equal({ kind: 'dialog', rate: 500 });
    expect(parseStep('ceiling', extent)).to.deep.equal({ kind: 'ceiling', rate: 1000 });
    expect(parseStep('ceiling@200', extent)).to.deep.equal({ kind: 'ceiling', rate: 200 });
    expect(parseStep('wss@5', extent)).to.deep.equal({ kind: 'wss', rate: 5, connections: 100 });
    expect(parseStep('soak@1000', extent)).to.deep.equal({ kind: 'soak', rate: 1000, minutes: 10 });
    for (const text of [...ALL_STEPS, ...QUICK_STEPS]) expect(titleOf(parseStep(text, extent))).to.be.a('string');
  });

  it('are listed where there is none of the name, or no rate', () => {
    for (const text of ['bell@100', 'call', 'call@0', 'call@fast', 'toString@1', 'ceiling@0']) {
      expect(() => parseStep(text, extent)).to.throw(`no step "${text}": steps are call@RATE, ceiling, dialog@RATE`);
    }
  });
});
