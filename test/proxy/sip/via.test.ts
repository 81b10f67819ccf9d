import { expect } from 'chai';
import { SipError } from '../../../proxy/sip/sip-error.ts';
import { parseVia } from '../../../proxy/sip/via.ts';

describe('Via', () => {
  it('gives protocol, transport, sent-by and the parameters of RFC 3261 and RFC 3581', () => {
    const via = parseVia('SIP/2.0/UDP 192.0.2.1:5066;branch=z9hG4bK77;received=198.51.100.9;rport=4321;x=y');
    expect(via).to.deep.equal({
      protocol: 'SIP/2.0',
      transport: 'UDP',
      host: '192.0.2.1',
      port: 5066,
      branch: 'z9hG4bK77',
      received: '198.51.100.9',
      rport: 4321,
      params: ';branch=z9hG4bK77;received=198.51.100.9;rport=4321;x=y',
    });
  });

  it('leaves empty what is absent', () => {
    const via = parseVia('SIP/2.0/TLS Proxy.Example.COM');
    expect(via).to.include({
      transport: 'TLS',
      host: 'proxy.example.com',
      port: 0,
      branch: '',
      received: '',
      params: '',
    });
    expect(via.rport).to.equal(undefined);
  });

  it('tells an rport without value from none', () => {
    expect(parseVia('SIP/2.0/UDP h;rport;branch=z9hG4bK1').rport).to.equal(0);
  });

  it('allows LWS and folds wherever RFC 3261 does', () => {
    const via = parseVia('SIP  / 2.0\r\n / TCP     spindle.example.com : 5070  ;\r\n  Branch  =   z9hG4bK9ikj8  ');
    expect(via).to.include({ protocol: 'SIP/2.0', transport: 'TCP', host: 'spindle.example.com', port: 5070 });
    expect(via.branch).to.equal('z9hG4bK9ikj8');
  });

  it('reads the first of several values on a line', () => {
    expect(parseVia('SIP/2.0/UDP a;branch=1 , SIP/2.0/TCP b;branch=2')).to.include({
      host: 'a',
      branch: '1',
      transport: 'UDP',
    });
  });

  it('takes IPv6 addresses with and without brackets in received', () => {
    expect(parseVia('SIP/2.0/UDP [2001:DB8::9:1]:5060;received=[2001:db8::9:255];branch=z9hG4bKas3')).to.include({
      host: '2001:db8::9:1',
      port: 5060,
      received: '2001:db8::9:255',
    });
    expect(parseVia('SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255').received).to.equal('2001:db8::9:255');
  });

  it('keeps other protocols, versions and transports, in upper case the latter', () => {
    expect(parseVia('SIP/7.0/udp h')).to.include({ protocol: 'SIP/7.0', transport: 'UDP' });
    expect(parseVia('SIP/2.0/wss h').transport).to.equal('WSS');
    expect(parseVia('SIP/2.0/UNKNOWN h').transport).to.equal('UNKNOWN');
  });

  it('takes the value of a quoted parameter out of its quotes, commas and semicolons included', () => {
    expect(parseVia('SIP/2.0/UDP h;note="a;b,\\"c";branch=z9hG4bK2').branch).to.equal('z9hG4bK2');
  });

  it('takes the least and the greatest ports', () => {
    for (const port of [1, 65_535]) {
      expect(parseVia(`SIP/2.0/UDP h:${port};rport=${port}`)).to.include({ port, rport: port });
    }
    expect(parseVia('SIP/2.0/UDP h;rport=0').rport).to.equal(0);
  });

  it('keeps what only looks like a usual protocol or transport', () => {
    expect(parseVia('sip/2.0/UDP h').protocol).to.equal('sip/2.0');
    expect(parseVia('SIP/2.00/UDP h').protocol).to.equal('SIP/2.00');
    expect(parseVia('XSIP/2.0/UDP h').protocol).to.equal('XSIP/2.0');
    for (const transport of ['UDPX', 'TCPX', 'TLSX', 'XYZ', 'WS'])
      expect(parseVia(`SIP/2.0/${transport} h`).transport).to.equal(transport);
  });

  it('takes parameters without a value for flags', () => {
    expect(parseVia('SIP/2.0/UDP h;received;branch;x')).to.include({
      received: '',
      branch: '',
      params: ';received;branch;x',
    });
    expect(parseVia('SIP/2.0/UDP h ; RECEIVED = 192.0.2.1 ; RPort = 9')).to.include({
      received: '192.0.2.1',
      rport: 9,
    });
  });

  it('refuses what is malformed with 400', () => {
    const bad = [
      '',
      'SIP/2.0/UDP',
      'SIP/2.0 UDP h',
      'SIP/2.0/UDP h:0',
      'SIP/2.0/UDP h:99999',
      'SIP/2.0/UDP h:x',
      'SIP/2.0/UDP [::1',
      'SIP/2.0/UDP []',
      'SIP/2.0/UDP h h',
      'SIP/2.0/UDP 192.0.2.15;;,;,,',
      'SIP/2.0/UDP h;branch=',
      'SIP/2.0/UDP h;rport=x',
      'SIP/2.0/UDP h;a="open',
      'SIP/2.0/UDP@h',
      '/2.0/UDP h',
      'SIP//UDP h',
      'SIP/2.0/ h',
      'SIP/2.0/UDPh',
      'SIP/2.0/UDP h:65536',
      'SIP/2.0/UDP h:',
      'SIP/2.0/UDP h;=x',
      'SIP/2.0/UDP h;rport=65536',
      'SIP/2.0/UDP h;rport=',
      'SIP-2.0/UDP h',
      'SIP/2.0-UDP h',
      'SIP;2.0/UDP h',
      'SIP 2.0/UDP h',
      'SIP/2.0;UDP h',
      'SIP/2.0/UDP[::1]',
      'SIP/2.0/;x',
    ];
    for (const value of bad) expect(() => parseVia(value), value).to.throw(SipError, '400 Bad Via');
  });
});
