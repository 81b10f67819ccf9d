import { expect } from 'chai';
import { certificateNames, holdsName } from '../../../proxy/transport/certificate-names.ts';

describe('the SIP identities of a certificate', () => {
  const of = (subjectaltname: string | undefined, CN: string | string[] = 'common.example.com'): readonly string[] =>
    certificateNames({ subjectaltname, subject: { CN } });

  it('are its DNS names, in lower case and once each', () => {
    expect(of('DNS:Proxy.Example.com, DNS:example.com, DNS:EXAMPLE.com')).to.deep.equal([
      'proxy.example.com',
      'example.com',
    ]);
  });

  it('are the hosts of its sip URIs, and then no DNS name of it', () => {
    expect(of('DNS:web.example.com, URI:SIP:Example.com, IP Address:192.0.2.1')).to.deep.equal([
      'example.com',
      '192.0.2.1',
    ]);
    expect(of('DNS:web.example.com, URI:sip:alice@example.com')).to.deep.equal(['web.example.com']);
  });

  it('are the hosts of sip URIs with whatever port and parameters', () => {
    expect(
      of('URI:sip:a.example.com:5061, URI:sip:b.example.com;transport=tls, URI:sip:c.example.com?x=y'),
    ).to.deep.equal(['a.example.com', 'b.example.com', 'c.example.com']);
    expect(of('URI:sip:a.example.com;x=b@example.com')).to.deep.equal([]);
  });

  it('are not URIs that name a user, or of another scheme', () => {
    expect(of('URI:sip:alice@example.com, URI:https://example.com, URI:im:example.com')).to.deep.equal([]);
  });

  it('are its addresses, which a server without a name has', () => {
    expect(of('IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1')).to.deep.equal(['192.0.2.1', '2001:db8::1']);
  });

  it('are its common name only if it has no alternative names', () => {
    expect(of(undefined)).to.deep.equal(['common.example.com']);
    expect(of(undefined, ['a.example.com', 'b.example.com'])).to.deep.equal(['a.example.com', 'b.example.com']);
    expect(of('email:bob@example.com')).to.deep.equal([]);
  });

  it('are never wildcards', () => {
    expect(of('DNS:*.example.com, DNS:example.com')).to.deep.equal(['example.com']);
  });

  it('are not forged by a name with a comma in it', () => {
    expect(of('DNS:"a, DNS:sbc1.example.com", DNS:b.example.com')).to.deep.equal([
      'a, dns:sbc1.example.com',
      'b.example.com',
    ]);
  });

  it('are compared as a whole, in either case', () => {
    expect(holdsName(['example.com'], 'EXAMPLE.com')).to.equal(true);
    expect(holdsName(['example.com'], 'sip.example.com')).to.equal(false);
  });
});
