import { expect } from 'chai';
import { callsTable, callsView } from '../../../operator/commands/calls.ts';
import type { CallView } from '../../../proxy/status.ts';

const now = Date.parse('2026-01-01T00:01:30.000Z');
const proxy = (name: string, geoLocation: string) => ({
  ...{ name, geoLocation, cluster: 'cc', switch: 'sw', dn: 'dn' },
  ...{ address: '127.0.10.1', admin: 'http://127.0.10.1:9060' },
});
const call = (callId: string, since = '2026-01-01T00:00:00.000Z', pair = 'ss1'): CallView => ({
  ...{ callId, pair, proxy: 'p0', since, expires: '2026-01-01T04:00:00.000Z', geoLocation: 'dc1' },
});

describe('the list of calls', () => {
  it('has each once, the newest first, on the pair that it was dialled to last', () => {
    const view = callsView([
      { proxy: proxy('p0', 'dc1'), list: [call('a'), call('b', '2026-01-01T00:00:09.000Z')] },
      { proxy: proxy('p1', 'dc2'), list: [call('a', '2026-01-01T00:00:05.000Z', 'ss2')] },
    ]);
    expect(view.calls.map(({ callId, pair }) => [callId, pair])).to.deep.equal([
      ['b', 'ss1'],
      ['a', 'ss2'],
    ]);
    expect(view.proxies.map(({ calls }) => calls)).to.deep.equal([2, 1]);
    expect(callsTable(view, now, 100)).to.include('2 calls; p0 knows 2, p1 knows 1\n');
  });

  it('says which proxy could not be asked, and when there is no call', () => {
    const view = callsView([{ proxy: proxy('p0', 'dc1'), list: 'not running: connection refused' }]);
    expect(view.proxies[0]).to.include({ calls: -1, why: 'not running: connection refused' });
    expect(callsTable(view, now, 80)).to.match(/^No call is in progress\.\n/);
  });

  it('can be read in 80 columns', () => {
    const view = callsView([
      { proxy: proxy('p0', 'dc1'), list: [call('f81d4fae-7dec-11d0-a765-00a0c91e6bf6@192.0.2.4')] },
    ]);
    const text = callsTable(view, now, 80);
    expect(text.split('\n').every((line) => line.length <= 80)).to.equal(true);
    expect(text).to.match(/^CALL-ID +PAIR +FOR +ROUTED BY +DATA CENTRE\n/);
    expect(text).to.match(/ss1 +90s +p0 +dc1\n1 calls; every proxy knows all of them\n$/);
  });
});
