import { expect } from 'chai';
import { registrationsTable, registrationsView } from '../../../operator/commands/registrations.ts';
import type { RegistrationView } from '../../../proxy/status.ts';

const now = Date.parse('2026-01-01T00:00:00.000Z');
const proxy = (name: string, geoLocation: string) => {
  return {
    name,
    geoLocation,
    cluster: 'cc',
    switch: 'sw',
    dn: 'dn',
    address: '127.0.10.1',
    admin: 'http://127.0.10.1:9060',
  };
};

function registration(user: string, contact = `sip:${user}@192.0.2.1:5060`): RegistrationView {
  return {
    aor: `${user}@sip.example.com`,
    contact,
    owner: 'cc-sw-dn-dc1-0',
    transport: 'TCP',
    source: '192.0.2.1:40000',
    expires: '2026-01-01T00:01:30.000Z',
    geoLocation: 'dc1',
  };
}

describe('the list of registrations', () => {
  it('has each once, however many proxies know it, in the order of their addresses', () => {
    const view = registrationsView([
      { proxy: proxy('p0', 'dc1'), list: [registration('bob'), registration('alice')] },
      { proxy: proxy('p1', 'dc2'), list: [registration('alice')] },
    ]);
    expect(view.registrations.map(({ aor }) => aor)).to.deep.equal(['alice@sip.example.com', 'bob@sip.example.com']);
    expect(view.registrations[0]).to.deep.equal({ ...registration('alice'), switch: 'sw', dn: 'dn' });
    expect(view.proxies).to.deep.equal([
      { name: 'p0', geoLocation: 'dc1', registrations: 2 },
      { name: 'p1', geoLocation: 'dc2', registrations: 1 },
    ]);
  });

  it('says which proxy could not be asked, and why', () => {
    const view = registrationsView([{ proxy: proxy('p0', 'dc1'), list: 'not running: connection refused' }]);
    expect(view.proxies).to.deep.equal([
      { name: 'p0', geoLocation: 'dc1', registrations: -1, why: 'not running: connection refused' },
    ]);
  });

  it('can be read in 80 columns', () => {
    const list = [registration('alice', 'sip:alice@192.0.2.1:5060;transport=tcp;line=af81bd')];
    const view = registrationsView([{ proxy: proxy('p0', 'dc1'), list }]);
    const text = registrationsTable(view, now, 100);
    expect(text.split('\n').every((line) => line.length <= 100)).to.equal(true);
    expect(text).to.match(/^AOR +CONTACT +FROM +FOR +DATA CENTRE +FLOW OWNER\n/);
    expect(text).to.match(/alice@sip\.example\.com +sip:.*… ?.* +TCP 192\.0\.2\.1:40000 +90s +dc1 +cc-sw-dn-dc1-0\n/);
    expect(text).to.include('\n1 registrations; every proxy knows all of them\n');
  });

  it('says so where nobody is registered', () => {
    expect(registrationsTable({ registrations: [], proxies: [] }, now, 80)).to.match(/^Nobody is registered\.\n/);
  });
});
