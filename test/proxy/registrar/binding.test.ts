import { expect } from 'chai';
import { aorOf, identityOf } from '../../../proxy/registrar/binding.ts';
import { contactsOf } from '../../../proxy/registrar/contact.ts';
import { parseMessage } from '../../../proxy/sip/message.ts';
import { parseUri } from '../../../proxy/sip/uri.ts';
import { register } from '../../builders.ts';

function idOf(contact: string, outbound = true): string {
  const [read] = contactsOf(parseMessage(register({ contacts: [contact] }))).contacts;
  if (read === undefined) throw new Error('no contact');
  return identityOf(read, outbound).id;
}

describe('the AOR', () => {
  for (const [uri, aor] of [
    ['sip:alice@example.com', 'alice@example.com'],
    ['sips:alice@EXAMPLE.com:5061;transport=tcp', 'alice@example.com'],
    ['sip:%61lice:secret@example.com', 'alice@example.com'],
    ['sip:Alice@example.com', 'Alice@example.com'],
    ['sip:example.com', 'example.com'],
  ] as const) {
    it(`of ${uri} is ${aor}`, () => {
      expect(aorOf(parseUri(uri))).to.equal(aor);
    });
  }
});

describe("a binding's identity", () => {
  const instance = '+sip.instance="<urn:uuid:1>"';

  it('is instance and reg-id where flows are used, whatever the URI', () => {
    expect(idOf(`<sip:a@10.0.0.1:1000>;${instance};reg-id=1`)).to.equal(
      idOf(`<sip:a@10.0.0.1:2000>;reg-id=1;${instance}`),
    );
    expect(idOf(`<sip:a@10.0.0.1>;${instance};reg-id=1`)).not.to.equal(idOf(`<sip:a@10.0.0.1>;${instance};reg-id=2`));
  });

  it('is the URI where flows are not used or one of the two is missing', () => {
    const plain = idOf('<sip:a@10.0.0.1>');
    expect(idOf(`<sip:a@10.0.0.1>;${instance};reg-id=1`, false)).to.equal(plain);
    expect(idOf(`<sip:a@10.0.0.1>;${instance}`)).to.equal(plain);
    expect(idOf('<sip:a@10.0.0.1>;reg-id=1')).to.equal(plain);
  });

  it('is the same for URIs written differently', () => {
    expect(idOf('<sip:a@HOST.example.com;b=1;transport=TCP>')).to.equal(
      idOf('<sip:%61@host.example.com;transport=tcp;B=1>'),
    );
  });

  it('differs by the parameters with which phones tell their lines apart', () => {
    expect(idOf('<sip:a@10.0.0.1;line=1>')).not.to.equal(idOf('<sip:a@10.0.0.1;line=2>'));
    expect(idOf('<sip:a@10.0.0.1;transport=tcp>')).not.to.equal(idOf('<sip:a@10.0.0.1;transport=udp>'));
  });
});
