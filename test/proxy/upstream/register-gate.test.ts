import { expect } from 'chai';
import { REGISTERS_IN_FLIGHT, RegisterGate } from '../../../proxy/upstream/register-gate.ts';

describe('the gate before a pair’s REGISTERs', () => {
  it('is full while as many are under way as it holds, and open again after one answer', () => {
    const gate = new RegisterGate();
    for (let i = 0; i < REGISTERS_IN_FLIGHT; i++) {
      expect(gate.full).to.equal(false);
      gate.enter();
    }
    expect(gate.full).to.equal(true);
    gate.leave();
    expect(gate.full).to.equal(false);
  });
});
