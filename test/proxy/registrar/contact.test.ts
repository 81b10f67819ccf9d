import { expect } from 'chai';
import { parseMessage } from '../../../proxy/sip/message.ts';
import { contactsOf, deltaSeconds, withExpires } from '../../../proxy/registrar/contact.ts';
import { register } from '../../builders.ts';

function read(...contacts: string[]) {
  return contactsOf(parseMessage(register({ contacts })));
}

describe('Contact of a REGISTER', () => {
  it('reads several on one line and on several lines, each where it stands', () => {
    const { contacts } = read('<sip:a@10.0.0.1>;q=0.5, "B, b" <sip:b@10.0.0.2>;expires=60', 'sip:c@10.0.0.3;expires=0');
    expect(contacts.map(({ address, expires, q }) => [address.uri, expires, q])).to.deep.equal([
      ['sip:a@10.0.0.1', undefined, 500],
      ['sip:b@10.0.0.2', 60, 1000],
      ['sip:c@10.0.0.3', 0, 1000],
    ]);
    expect(contacts[1]).to.include({ start: 23, field: contacts[0]?.field });
    expect(contacts[2]?.field).to.equal((contacts[0]?.field ?? 0) + 1);
  });

  it('reads instance-id and reg-id', () => {
    const [contact] = read(
      '<sip:a@10.0.0.1>;+sip.instance="<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>";reg-id=2',
    ).contacts;
    expect(contact).to.include({ instance: 'urn:uuid:00000000-0000-1000-8000-aabbccddeeff', regId: 2 });
  });

  for (const [value, fault] of [
    ['nonsense', 'Bad Contact'],
    ['<sip:>', 'Bad Contact'],
    ['*;expires=0', 'Bad Contact'],
    ['<sip:a@10.0.0.1', 'Bad Contact'],
    ['', 'Bad Contact'],
    ['<sip:a@10.0.0.1>;expires=60;expires=0', 'Bad Contact'],
    ['<sip:a@10.0.0.1>;q=1;x="q=1";Q=0.5', 'Bad Contact'],
    ['<sip:a@10.0.0.1>;+sip.instance="<urn:a>";+sip.instance="<urn:b>"', 'Bad Contact'],
    ['<sip:a@10.0.0.1>;reg-id=1;reg-id=2', 'Bad Contact'],
    ['<sip:a@10.0.0.1;transport=udp;transport=tcp>', 'Bad Contact'],
    ['<sip:a@10.0.0.1>;x=1;x=2;x="expires=1;expires=2";expires=60', undefined],
  ] as const) {
    it(`says what is wrong with "${value}"`, () => {
      expect(read(value).fault).to.equal(fault);
    });
  }

  it('passes over what is no SIP address: a server may keep it (RFC 3261 10.2.1)', () => {
    const { contacts, fault } = read('<tel:+49301234>, <sip:a@10.0.0.1>', '<mailto:a@example.com>');
    expect([contacts.map(({ address }) => address.uri), fault]).to.deep.equal([['sip:a@10.0.0.1'], undefined]);
  });

  it('takes a malformed expiry for an hour and a huge one for the longest', () => {
    expect(['60', 'soon', '-1', '99999999999', undefined].map(deltaSeconds)).to.deep.equal([
      60,
      3600,
      3600,
      4294967295,
      undefined,
    ]);
  });
});

describe('a Contact value with another expiry', () => {
  for (const [before, after] of [
    ['<sip:a@h>;expires=7200;q=0.5', '<sip:a@h>;expires=60;q=0.5'],
    ['<sip:a@h;expires=1>;q=1 ; Expires = 7200', '<sip:a@h;expires=1>;q=1 ;expires=60'],
    ['"a;expires=5" <sip:a@h>;expires="7200"', '"a;expires=5" <sip:a@h>;expires=60'],
    ['sip:a@h;x-expires=5', 'sip:a@h;x-expires=5;expires=60'],
    ['<sip:a@h> ', '<sip:a@h>;expires=60 '],
  ] as const) {
    it(`makes ${before} into ${after}`, () => {
      expect(withExpires(before, 60)).to.equal(after);
    });
  }
});
