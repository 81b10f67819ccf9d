import { expect } from 'chai';
import { parseMessage, type Message } from '../../../proxy/sip/message.ts';
import { SipError } from '../../../proxy/sip/sip-error.ts';
import { checkRegister, evictions, grant, type Grant } from '../../../proxy/registrar/register.ts';
import type { Binding } from '../../../proxy/store/records.ts';
import { register, respond, type RegisterOptions, type ResponseOptions } from '../../builders.ts';

const CONFIG = { minExpires: 60_000, maxExpires: 3_600_000 };
const A = '<sip:alice@10.0.0.1:5060>';
const B = '<sip:alice@10.0.0.2:5060>';

function check(given: RegisterOptions, sender: 'Endpoint' | 'Sbc' = 'Endpoint') {
  const asked = checkRegister(parseMessage(register(given)), CONFIG, sender);
  return asked instanceof SipError ? [asked.status, asked.reason, ...asked.headers].join('|') : 'forwarded';
}

describe('a REGISTER before it is forwarded', () => {
  it('passes with a contact whose host could be anything: it is reached only at its source', () => {
    expect(check({ contacts: ['<sip:alice@192.168.1.77:5060;transport=udp>'] })).to.equal('forwarded');
  });

  it('passes without a contact', () => {
    expect(check({ contacts: [] })).to.equal('forwarded');
  });

  it('gets 423 with Min-Expires if it asks for less than minExpires, in the header or a contact', () => {
    const tooBrief = '423|Interval Too Brief|Min-Expires: 60';
    expect(check({ expires: 59 })).to.equal(tooBrief);
    expect(check({ contacts: [A, `${B};expires=10`] })).to.equal(tooBrief);
    expect(check({ expires: 10, contacts: [`${A};expires=60`] })).to.equal('forwarded');
  });

  it('passes with 0, which ends a registration', () => {
    expect(check({ expires: 0 })).to.equal('forwarded');
    expect(check({ contacts: [`${A};expires=0`] })).to.equal('forwarded');
  });

  it('gets 403 with a Path from an Endpoint, not from an Sbc', () => {
    const headers = ['Path: <sip:edge.example.com;lr>'];
    expect(check({ headers })).to.equal('403|Path Not Allowed');
    expect(check({ headers }, 'Sbc')).to.equal('forwarded');
  });

  it('gets 400 with a Path that leads nowhere, from whomever: nobody could be called by it (RFC 3327 4)', () => {
    for (const path of ['nonsense', '<>', '*', '<sip:edge', '<sip:@:0;lr>', '<tel:+49301234>', '<sip:edge;lr>, <x>'])
      expect(check({ headers: [`Path: ${path}`, 'Supported: path, outbound'] }, 'Sbc'), path).to.equal('400|Bad Path');
    expect(check({ headers: ['Path: <sips:edge:5061;lr;ob>,<sip:core;lr>'] }, 'Sbc')).to.equal('forwarded');
  });

  it('gets 400 with a contact that is no address; one of another scheme is for the server', () => {
    expect(check({ contacts: ['<tel:+49301234>'] })).to.equal('forwarded');
    expect(check({ contacts: [A, 'nonsense'] })).to.equal('400|Bad Contact');
  });

  it('passes with Contact: * alone and Expires 0, and gets 400 otherwise', () => {
    expect(check({ contacts: ['*'], expires: 0 })).to.equal('forwarded');
    expect(check({ contacts: ['*'], expires: 60 })).to.equal('400|Contact * Needs Expires 0');
    expect(check({ contacts: ['*', A], expires: 0 })).to.equal('400|Contact * Must Stand Alone');
    expect(check({ contacts: [`${A}, *`], expires: 0 })).to.equal('400|Contact * Must Stand Alone');
  });
});

function grantedBy(request: Message, answer: Message): Grant {
  const asked = checkRegister(request, CONFIG, 'Sbc');
  if (asked instanceof SipError) throw asked;
  return grant(request, asked, answer, CONFIG);
}

/** What the answer means: for each changed contact its URI and seconds. */
function granted(given: RegisterOptions, answer: ResponseOptions & { status?: number } = {}): Grant {
  const request = parseMessage(register(given));
  return grantedBy(request, parseMessage(respond(request, answer.status ?? 200, answer)));
}

function seconds({ changes }: Grant): [string, number][] {
  return changes.map(({ contact, expires }) => [contact.replace(/^sip:alice@|:5060$/g, ''), expires / 1000]);
}

describe('what a 2xx grants', () => {
  it('changes nothing unless it is a 2xx', () => {
    for (const status of [100, 302, 401, 403, 423, 500])
      expect(granted({ contacts: [A] }, { status, contact: A }).changes).to.be.empty;
  });

  it('takes the expiry of the contact in the 2xx first', () => {
    expect(
      seconds(granted({ contacts: [A] }, { contact: `${A};expires=120`, headers: ['Expires: 300'] })),
    ).to.deep.equal([['10.0.0.1', 120]]);
  });

  it("else the 2xx's Expires header", () => {
    expect(seconds(granted({ contacts: [A] }, { contact: A, headers: ['Expires: 300'] }))).to.deep.equal([
      ['10.0.0.1', 300],
    ]);
    expect(seconds(granted({ contacts: [A] }, { headers: ['Expires: 300'] }))).to.deep.equal([['10.0.0.1', 300]]);
  });

  it('else what was asked: by the contact, by the header, or an hour', () => {
    expect(seconds(granted({ contacts: [`${A};expires=90`], expires: 600 }, { contact: A }))).to.deep.equal([
      ['10.0.0.1', 90],
    ]);
    expect(seconds(granted({ contacts: [A], expires: 600 }))).to.deep.equal([['10.0.0.1', 600]]);
    const silent = parseMessage(register({ contacts: [A] }).replace(/Expires: \d+\r\n/, ''));
    expect(seconds(grantedBy(silent, parseMessage(respond(silent, 200))))).to.deep.equal([['10.0.0.1', 3600]]);
  });

  it('ignores contacts that only the 2xx lists', () => {
    expect(seconds(granted({ contacts: [A] }, { contact: `${A};expires=120, ${B};expires=60` }))).to.deep.equal([
      ['10.0.0.1', 120],
    ]);
  });

  it('does not grant a named contact that is missing from a 2xx that lists others', () => {
    expect(seconds(granted({ contacts: [A, B] }, { contact: `${B};expires=120` }))).to.deep.equal([['10.0.0.2', 120]]);
    const others = '<sip:x@10.9.9.9>;expires=60, <sip:y@10.9.9.9>;expires=60';
    expect(granted({ contacts: [A] }, { contact: others }).changes).to.be.empty;
  });

  it('takes one contact in and one out for the same, even if the server rewrote it, and keeps what the phone wrote', () => {
    const rewritten = '<sip:alice@192.0.2.1:9999>;expires=120';
    expect(seconds(granted({ contacts: [A] }, { contact: rewritten }))).to.deep.equal([['10.0.0.1', 120]]);
  });

  it('knows a contact again by instance and reg-id', () => {
    const flow = '+sip.instance="<urn:uuid:1>";reg-id=1';
    const answer = { contact: `<sip:z@192.0.2.1>;${flow};expires=120, ${B};expires=60` };
    expect(seconds(granted({ contacts: [`${A};${flow}`] }, answer))).to.deep.equal([['10.0.0.1', 120]]);
  });

  it('knows a contact again that is written differently', () => {
    const answer = { contact: '<sip:%61lice@10.0.0.1:5060>;expires=120, <sip:bob@10.0.0.3>;expires=60' };
    expect(seconds(granted({ contacts: [A] }, answer))).to.deep.equal([['10.0.0.1', 120]]);
  });

  it('changes nothing where no contact is named: it is a query', () => {
    expect(granted({ contacts: [] }, { contact: `${A};expires=9999` })).to.deep.equal({
      changes: [],
      replace: [],
      append: [],
    });
  });

  it('removes all for Contact: *', () => {
    expect(granted({ contacts: ['*'], expires: 0 })).to.deep.include({ all: true, changes: [] });
  });

  it('removes a contact asked to go, whether the 2xx lists nothing, others, or it with 0', () => {
    const gone = [['10.0.0.1', 0]];
    expect(seconds(granted({ contacts: [`${A};expires=0`] }))).to.deep.equal(gone);
    expect(seconds(granted({ contacts: [A], expires: 0 }, { contact: `${B};expires=60` }))).to.deep.equal(gone);
    expect(seconds(granted({ contacts: [A], expires: 0 }, { contact: `${A};expires=0` }))).to.deep.equal(gone);
    expect(seconds(granted({ contacts: [A], expires: 0 }, { headers: ['Expires: 3600'] }))).to.deep.equal(gone);
  });

  it('removes a contact asked to go that only a parameter tells from one that stays', () => {
    const [plain, second] = ['<sip:alice@10.0.0.1:5060>', '<sip:alice@10.0.0.1:5060;line=2>'];
    const stays = { contact: `${second};expires=120` };
    expect(seconds(granted({ contacts: [plain], expires: 0 }, stays))).to.deep.equal([['10.0.0.1', 0]]);
    expect(seconds(granted({ contacts: [second, `${plain};expires=0`] }, stays))).to.deep.equal([
      ['10.0.0.1:5060;line=2', 120],
      ['10.0.0.1', 0],
    ]);
  });

  it('takes of such two in the 2xx the one that is written as it was asked', () => {
    const answer = { contact: '<sip:alice@10.0.0.1:5060>;expires=60, <sip:alice@10.0.0.1:5060;line=2>;expires=120' };
    expect(seconds(granted({ contacts: ['<sip:alice@10.0.0.1:5060;line=2>'] }, answer))).to.deep.equal([
      ['10.0.0.1:5060;line=2', 120],
    ]);
  });

  it('removes a contact that the server grants 0', () => {
    expect(seconds(granted({ contacts: [A] }, { contact: `${A};expires=0` }))).to.deep.equal([['10.0.0.1', 0]]);
  });

  it('changes several contacts at once, each by its own expiry and q', () => {
    const { changes } = granted({ contacts: [`${A};q=0.3`, `${B};expires=0`] }, { contact: `${A};expires=120` });
    expect(changes.map(({ contact, expires, q }) => [contact, expires, q])).to.deep.equal([
      ['sip:alice@10.0.0.1:5060', 120_000, 300],
      ['sip:alice@10.0.0.2:5060', 0, 1000],
    ]);
  });

  it('makes one change of a contact named twice: the last', () => {
    expect(seconds(granted({ contacts: [`${A};expires=100`, `${A};expires=200`] }))).to.deep.equal([['10.0.0.1', 200]]);
  });
});

/** The Contact and Expires lines of the 2xx after what the grant changes. */
function lines(given: RegisterOptions, answer: ResponseOptions): { lines: string[]; seconds: [string, number][] } {
  const request = parseMessage(register(given));
  const response = parseMessage(respond(request, 200, answer));
  const result = grantedBy(request, response);
  const changed: string[] = [];
  for (let i = 0; i < response.fieldCount; i++) {
    if (!/^(contact|m|expires)$/i.test(response.fieldName(i))) continue;
    const value = result.replace.find(({ index }) => index === i)?.value ?? response.fieldValue(i);
    changed.push(`${response.fieldName(i)}: ${value}`);
  }
  return { lines: [...changed, ...result.append], seconds: seconds(result) };
}

describe('a grant above maxExpires', () => {
  it('is lowered in the contact of the 200 and the store alike, and nothing else is', () => {
    const contact = `"A, a" ${A} ; expires=7200;q=0.5, ${B};expires=9000`;
    expect(lines({ contacts: [A] }, { contact })).to.deep.equal({
      lines: [`Contact: "A, a" ${A} ;expires=3600;q=0.5, ${B};expires=9000`],
      seconds: [['10.0.0.1', 3600]],
    });
  });

  it('is lowered in several contacts of one line', () => {
    expect(lines({ contacts: [A, B] }, { contact: `${A};expires=7200, ${B};expires=9000` }).lines).to.deep.equal([
      `Contact: ${A};expires=3600, ${B};expires=3600`,
    ]);
  });

  it('is told in the contact where the Expires header granted it', () => {
    expect(lines({ contacts: [A] }, { contact: A, headers: ['Expires: 7200'] }).lines).to.deep.equal([
      `Contact: ${A};expires=3600`,
      'Expires: 7200',
    ]);
  });

  it('is lowered in the Expires header where the 200 lists no contact', () => {
    expect(lines({ contacts: [A] }, { headers: ['Expires: 7200'] })).to.deep.equal({
      lines: ['Expires: 3600'],
      seconds: [['10.0.0.1', 3600]],
    });
  });

  it('is told in an Expires header of its own where the 200 says nothing', () => {
    expect(lines({ contacts: [A], expires: 7200 }, {})).to.deep.equal({
      lines: ['Expires: 3600'],
      seconds: [['10.0.0.1', 3600]],
    });
  });
});

describe('reg-id', () => {
  const flow = `${A};+sip.instance="<urn:uuid:1>";reg-id=3`;
  const outbound = 'Supported: path, outbound';

  function regId(headers: readonly string[], via?: readonly string[]): number | undefined {
    return granted({ contacts: [flow], headers, ...(via === undefined ? {} : { via }) }).changes[0]?.regId;
  }

  it('counts where the phone supports outbound and its flow ends here', () => {
    expect(regId([outbound])).to.equal(3);
    expect(granted({ contacts: [flow], headers: [outbound] }).changes[0]).to.include({
      id: 'urn:uuid:1;3',
      instance: 'urn:uuid:1',
    });
  });

  it('is ignored where the phone does not say that it supports outbound', () => {
    expect(regId([])).to.equal(undefined);
  });

  it('counts behind an SBC only with ob in the Path of the edge next to the phone', () => {
    expect(regId([outbound, 'Path: <sip:core.example.com;lr>', 'Path: <sip:edge.example.com;lr;ob>'])).to.equal(3);
    expect(regId([outbound, 'Path: <sip:core.example.com;lr;ob>', 'Path: <sip:edge.example.com;lr>'])).to.equal(
      undefined,
    );
    expect(regId([outbound], ['SIP/2.0/UDP sbc;branch=z9hG4bK1', 'SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK2'])).to.equal(
      undefined,
    );
  });
});

function bound(id: string, commit: number): Binding {
  return {
    aor: 'alice@example.com',
    id,
    contact: id,
    q: 1000,
    transport: 'UDP',
    sourceAddress: '10.0.0.1',
    sourcePort: 5060,
    expires: 1,
    stamp: { first: 0, callId: 'c', cseq: 1, commit },
  };
}

describe('the most contacts of an AOR', () => {
  it('lets those registered longest ago go', () => {
    const bindings = [bound('new', 30), bound('old', 10), bound('older', 5), bound('newer', 40)];
    expect(evictions(bindings, 2).map(({ id }) => id)).to.deep.equal(['older', 'old']);
  });

  it('lets none go while there is room', () => {
    expect(evictions([bound('a', 1), bound('b', 2)], 2)).to.be.empty;
  });
});
