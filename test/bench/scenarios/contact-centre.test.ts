import { expect } from 'chai';
import { parseMessage } from '../../../proxy/sip/message.ts';
import { Load } from '../load.ts';
import { line, type Phone } from '../message.ts';
import { contactCentre } from './contact-centre.ts';

const phone: Phone = { transport: 'UDP', address: '192.0.2.1', port: 5060 };

describe("the benchmark's contact centre", () => {
  it('refreshes registrations and subscriptions, and has OPTIONS and calls', () => {
    const scenario = contactCentre();
    const methods: Record<string, number> = {};
    for (let number = 0; number < 200; number++) {
      const { text } = scenario.open(number, 'r1', phone);
      const method = text.slice(0, text.indexOf(' '));
      expect(parseMessage(text).method).to.equal(method);
      methods[method] = (methods[method] ?? 0) + 1;
    }
    expect(methods).to.deep.equal({ REGISTER: 120, OPTIONS: 40, INVITE: 20, SUBSCRIBE: 20 });
  });

  it('has a thousand phones, which register again with the Call-ID that they had', () => {
    const scenario = contactCentre();
    const first = new Map<string, string>();
    let refreshed = 0;
    for (let number = 0; number < 2000; number++) {
      const { text } = scenario.open(number, 'r1', phone);
      if (!text.startsWith('REGISTER')) continue;
      const user = line(text, 'To');
      const before = first.get(user);
      first.set(user, before ?? line(text, 'Call-ID'));
      if (before === undefined) continue;
      refreshed++;
      expect(line(text, 'Call-ID')).to.equal(before);
      expect(line(text, 'CSeq')).to.equal('CSeq: 2 REGISTER');
    }
    expect(first).to.have.property('size', 1000);
    expect(refreshed).to.equal(200);
  });

  it('completes all of it with a server, subscriptions inside the dialogs that they made', async () => {
    const load = await Load.open('127.0.0.1', 1500);
    try {
      const contact = contactCentre(10, 5);
      let inside = 0;
      const scenario = {
        ...contact,
        open: (...given: Parameters<typeof contact.open>) => {
          const opening = contact.open(...given);
          if (opening.dialog !== undefined) inside++;
          return opening;
        },
      };
      const result = await load.run({ scenario, to: load.server, rate: 400, warm: 0, window: 500 });
      expect(result).to.include({ begun: 200, completed: 200, failed: 0 });
      // 20 SUBSCRIBEs of 5 subscribers
      expect(inside).to.be.within(5, 15);
    } finally {
      load.close();
    }
  });
});
