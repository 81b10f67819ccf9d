import { expect } from 'chai';
import { Header } from '../../../proxy/sip/header.ts';
import { invite } from '../../builders.ts';
import { AT, answered, answers, requestIn, type Scene, type Sent, stage } from '../cast.ts';

/** The phone's Via, as the pair gets it: the second value. */
function passedVia(sent: Sent): string {
  return sent.message.values(Header.Via)[1] ?? '';
}

describe('RFC 3261 18.2.1 and RFC 3581: where a request truly came from', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await stage();
  });

  async function through(via: string, port = 40_000): Promise<string> {
    return passedVia(requestIn(await scene.receives(invite({ via: [via] }), AT.alice, port)));
  }

  it('is left as it is where Via says it', async () => {
    const via = `SIP/2.0/UDP ${AT.alice}:5060;branch=z9hG4bKx`;
    expect(await through(via, 5060)).to.equal(via);
  });

  it('is added as received where Via says something else, with the port: a phone may be behind NAT', async () => {
    expect(await through('SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bKx')).to.equal(
      `SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bKx;rport=40000;received=${AT.alice}`,
    );
  });

  it('is added as received where Via has a name', async () => {
    expect(await through('SIP/2.0/UDP pc33.example.com;branch=z9hG4bKx')).to.match(/;received=192\.0\.2\.11$/);
  });

  it('is filled into rport, with received beside it (RFC 3581 4)', async () => {
    expect(await through(`SIP/2.0/UDP ${AT.alice};rport;branch=z9hG4bKx`)).to.equal(
      `SIP/2.0/UDP ${AT.alice};branch=z9hG4bKx;rport=40000;received=${AT.alice}`,
    );
  });

  for (const [written, what] of [
    ['; RPORT ;branch=z9hG4bKx', 'in capitals and with spaces'],
    [';branch=z9hG4bKx;rport', 'at the end'],
    [';rport=7;branch=z9hG4bKx', 'with a value that the phone made up'],
    [';branch=z9hG4bKx;rport = 7', 'with spaces around a value'],
  ] as const)
    it(`is filled into an rport ${what}`, async () => {
      const via = await through(`SIP/2.0/UDP ${AT.alice}${written}`);
      expect(via.match(/rport/gi)).to.have.length(1);
      expect(via).to.contain(';rport=40000').and.to.contain(`;received=${AT.alice}`);
    });

  for (const [written, what] of [
    [';received=203.0.113.66;branch=z9hG4bKx', 'another'],
    [';branch=z9hG4bKx; received = 203.0.113.66', 'another with spaces around it'],
    [';branch=z9hG4bKx;Received=203.0.113.66', 'another in capitals'],
    [';branch=z9hG4bKx;received', 'one without a value'],
    [';branch=z9hG4bKx;received="203.0.113.66"', 'one in quotes'],
    [';received=203.0.113.66;branch=z9hG4bKx;received=203.0.113.67', 'two others'],
  ] as const)
    it(`takes the place of what the phone claims: ${what}`, async () => {
      const via = await through(`SIP/2.0/UDP 10.9.9.9${written}`);
      expect(via.match(/received/gi)).to.have.length(1);
      expect(via)
        .to.match(/;received=192\.0\.2\.11$/)
        .and.to.contain('branch=z9hG4bKx');
    });

  it('goes without a claim beside the right host, too', async () => {
    expect(await through(`SIP/2.0/UDP ${AT.alice}:5060;received=203.0.113.66;branch=z9hG4bKx`, 5060)).to.equal(
      `SIP/2.0/UDP ${AT.alice}:5060;branch=z9hG4bKx`,
    );
  });

  it('is written into the first of two values on a line, and the second stays', async () => {
    const text = invite({ via: [`SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKx , SIP/2.0/UDP 10.8.8.8;branch=z9hG4bKy`] });
    const values = requestIn(await scene.receives(text, AT.alice)).message.values(Header.Via);
    expect(values.slice(1)).to.deep.equal([
      `SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKx;received=${AT.alice}`,
      'SIP/2.0/UDP 10.8.8.8;branch=z9hG4bKy',
    ]);
  });

  it('leaves what follows on the line byte for byte, folds and all', async () => {
    const rest = ' SIP / 2.0 / UDP\r\n  10.8.8.8 ;branch=z9hG4bKy\r\n\t,  SIP/2.0/UDP 10.7.7.7 ';
    const text = invite({ via: [`SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKx,${rest}`] });
    const sent = requestIn(await scene.receives(text, AT.alice));
    expect(sent.text).to.contain(`\r\nVia: SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKx;received=${AT.alice},${rest}\r\n`);
  });

  it('takes no comma or semicolon in a quoted parameter for the end of it', async () => {
    expect(await through('SIP/2.0/UDP 10.9.9.9;x="a,b;received=c";branch=z9hG4bKx')).to.equal(
      `SIP/2.0/UDP 10.9.9.9;x="a,b;received=c";branch=z9hG4bKx;rport=40000;received=${AT.alice}`,
    );
  });

  it('is written into a folded Via', async () => {
    expect(await through('SIP / 2.0 / UDP\r\n  10.9.9.9\r\n ; branch = z9hG4bKx\r\n ;rport')).to.match(
      /branch = z9hG4bKx ?;rport=40000;received=192\.0\.2\.11$/,
    );
  });

  it('is where the answer goes, which has it in its Via', async () => {
    const text = invite({ via: ['SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bKx;rport'] });
    const asked = requestIn(await scene.receives(text, AT.alice, 40_000));
    const [answer] = answers(await answered(scene, asked, 486));
    expect([answer?.hop.address, answer?.hop.port]).to.deep.equal([AT.alice, 40_000]);
    expect(answer?.message.values(Header.Via)).to.have.length(1);
    expect(answer?.message.via).to.include({ received: AT.alice, rport: 40_000, branch: 'z9hG4bKx' });
  });
});
