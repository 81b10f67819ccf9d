import { expect } from 'chai';
import { invite, options, respond } from '../../builders.ts';
import { isMethod, Owner, Scene } from './scene.ts';

describe('a client transaction', () => {
  for (const [what, request, status, stays] of [
    ['a 2xx to INVITE, of which there may be more', invite(), 200, true],
    ['the last 2xx there is', invite(), 299, true],
    ['a redirection of an INVITE', invite(), 300, false],
    ['a failure of an INVITE', invite(), 486, false],
    ['a 2xx to anything else', options(), 200, false],
  ] as const) {
    it(`${stays ? 'keeps' : 'lets go of'} its owner with ${what}, and of its request`, () => {
      const scene = new Scene();
      const owner = new Owner();
      const transaction = scene.send(request, owner);
      scene.receive(respond(request, status));
      expect(owner.heard).to.deep.equal([status]);
      expect(transaction.owner === owner).to.equal(stays);
      expect(transaction.request).to.equal('');
    });
  }

  it('keeps both while responses are provisional', () => {
    const scene = new Scene();
    const owner = new Owner();
    const request = invite();
    const transaction = scene.send(request, owner);
    scene.receive(respond(request, 199));
    expect(transaction.owner).to.equal(owner);
    expect(transaction.request).to.equal(request);
  });

  it('is cancelled for the reason that was given first', () => {
    const scene = new Scene();
    const request = invite();
    const transaction = scene.send(request, new Owner());
    transaction.cancel(['Reason: SIP ;cause=200']);
    transaction.cancel(['Reason: SIP ;cause=408']);
    scene.receive(respond(request, 180));
    const cancels = scene.sent.filter(({ message }) => isMethod('CANCEL')(message));
    expect(cancels).to.have.length(1);
    expect(cancels[0]?.text).to.contain('Reason: SIP ;cause=200\r\n').and.not.to.contain('cause=408');
  });
});
