import { expect } from 'chai';
import { Load } from './load.ts';
import { answer, firstRequest, inDialog, methodOf, numberOf } from './scenario.ts';
import { parseMessage } from '../../proxy/sip/message.ts';

const phone = { address: '192.0.2.1', port: 5060 };
const server = { address: '192.0.2.9', port: 5070 };

describe('the load of the benchmark', () => {
  it('is made of messages that parse', () => {
    const invite = firstRequest('call', 7, 'r1', phone);
    const ok = answer(invite, 200, 'OK', server);
    for (const text of [
      invite,
      firstRequest('register', 7, 'r1', phone),
      answer(invite, 180, 'Ringing', server),
      ok,
      inDialog('ACK', ok, 7, 'r1', phone),
      answer(inDialog('BYE', ok, 7, 'r1', phone), 200, 'OK', server),
    ]) {
      const message = parseMessage(text);
      expect(message.callId).to.equal('7@r1');
      expect(numberOf(text, 'r1')).to.equal(7);
    }
    expect(methodOf(ok)).to.equal('INVITE');
    expect(numberOf(ok, 'r2')).to.equal(-1);
  });

  it('follows the Record-Route of the answer inside the dialog', () => {
    const invite = firstRequest('call', 1, 'r1', phone).replace(
      '\r\nFrom',
      '\r\nRecord-Route: <sip:token@192.0.2.5;lr>\r\nFrom',
    );
    const bye = inDialog('BYE', answer(invite, 200, 'OK', server), 1, 'r1', phone);
    expect(bye).to.match(/^BYE sip:server@192\.0\.2\.9:5070 SIP\/2\.0\r\n/);
    expect(bye).to.include('\r\nRoute: <sip:token@192.0.2.5;lr>\r\n');
    expect(parseMessage(bye).toTag).to.equal('server');
  });

  for (const scenario of ['call', 'register'] as const) {
    it(`counts what is begun and completed: ${scenario}`, async () => {
      const load = await Load.open('127.0.0.1');
      try {
        const result = await load.run({ scenario, to: load.server, rate: 200, warm: 50, window: 200 });
        expect(result.begun).to.be.within(30, 45);
        expect(result).to.include({ completed: result.begun, failed: 0 });
        expect(result.times).to.have.length(result.begun);
      } finally {
        load.close();
      }
    });
  }

  it('counts as failed what is never answered, and sends it again meanwhile', async () => {
    const load = await Load.open('127.0.0.1');
    const silent = await Load.open('127.0.0.1');
    silent.close();
    try {
      const result = await load.run({ scenario: 'register', to: silent.server, rate: 20, warm: 0, window: 100 });
      expect(result.begun).to.be.within(1, 2);
      expect(result).to.include({ completed: 0, failed: result.begun });
      expect(result.retransmitted).to.be.greaterThan(10);
    } finally {
      load.close();
    }
  }).timeout(15_000);
});
