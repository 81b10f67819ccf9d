import { expect } from 'chai';
import { wrong } from './registrations.ts';

const contact = 'sip:carl@198.18.1.130:5060';
const confirmed = { contact, asked: 0, until: 300_000 };
const removed = { contact: undefined, asked: 0, until: 0 };

describe('what a proxy holds for a phone', () => {
  it('is right if it is the contact that the last 200 confirmed, and no other', () => {
    expect(wrong([{ contact, until: 300_100 }], confirmed)).to.equal(undefined);
    expect(wrong([], removed)).to.equal(undefined);
  });

  it('is wrong if that contact is not there', () => {
    expect(wrong([], confirmed)).to.equal(`does not hold ${contact}`);
  });

  it('is wrong if a contact is there that was removed, or changed for another one', () => {
    expect(wrong([{ contact, until: 300_000 }], removed)).to.equal(`holds ${contact}, which was removed`);
    const both = [
      { contact, until: 300_000 },
      { contact: `${contact};line=1`, until: 300_000 },
    ];
    expect(wrong(both, confirmed)).to.equal(`holds ${contact};line=1, which was removed`);
  });

  it('is wrong if a refresh did not arrive there, which its end tells', () => {
    expect(wrong([{ contact, until: 298_000 }], confirmed)).to.equal(`lets ${contact} end 2 s before its time`);
  });

  it('may end as much earlier as the clock of the proxy that took it was off', () => {
    expect(wrong([{ contact, until: 280_000 }], confirmed, 20_000)).to.equal(undefined);
    expect(wrong([{ contact, until: 278_000 }], confirmed, 20_000)).to.be.a('string');
  });
});
