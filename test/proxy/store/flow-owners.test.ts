import { expect } from 'chai';
import { FlowOwners, UNOWNED } from '../../../proxy/store/flow-owners.ts';

describe('owners of flows', () => {
  it('have one number for all bindings that name them, and lose it with the last', () => {
    const owners = new FlowOwners();
    const [a, b] = [owners.change(UNOWNED, 'p1', 'b1'), owners.change(UNOWNED, 'p1', 'b1')];
    expect(a).to.equal(b);
    expect(owners.get(a)).to.deep.equal({ name: 'p1', boot: 'b1' });
    expect(owners.change(a, 'p1', 'b1'), 'the same again').to.equal(a);
    const rolled = owners.change(b, 'p1', 'b2');
    expect(rolled).to.not.equal(a);
    owners.give(a);
    expect(owners.get(a)).to.equal(undefined);
    expect(owners.change(UNOWNED, 'p2', undefined), 'its number is used again').to.equal(a);
    expect(owners.get(rolled)?.boot).to.equal('b2');
  });

  it('are none where a binding names none', () => {
    const owners = new FlowOwners();
    expect(owners.change(UNOWNED, undefined, undefined)).to.equal(UNOWNED);
    expect(owners.change(owners.change(UNOWNED, 'p1', undefined), undefined, undefined)).to.equal(UNOWNED);
    owners.give(UNOWNED);
    expect(owners.get(UNOWNED)).to.equal(undefined);
  });
});
