import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { startAdmin, type Admin, type AdminOptions } from '../../proxy/admin.ts';
import type { CallView, ProxyStatus, RegistrationView } from '../../proxy/status.ts';
import { ownAddress } from '../peers/loopback.ts';

const address = ownAddress();

function status(more: Partial<ProxyStatus> = {}): ProxyStatus {
  return {
    name: 'p0',
    geoLocation: 'dc1',
    state: 'Ready',
    boot: 'b',
    addresses: [],
    configuration: { hash: 'h1' },
    counts: { registrations: 3, calls: 2, transactions: 1 },
    stores: [{ geoLocation: 'dc1', available: true, loaded: true, reason: '', lag: 2500 }],
    pairs: [
      {
        name: 'ss1',
        active: 'primary',
        since: 0,
        members: [
          {
            role: 'primary',
            address: '127.0.0.1:5060',
            state: 'InService',
            reason: 'OptionsAnswered',
            since: 0,
            rtt: 2,
            smoothedRtt: 1.5,
          },
          { role: 'backup', address: '127.0.0.2:5060', state: 'Down', reason: 'ConnectionRefused', since: 0 },
        ],
      },
    ],
    proxies: ['p0'],
    ready: { ok: true },
    counters: { requestsReceived: 7, badMessages: 0 },
    ...more,
  };
}

function registration(user: string): RegistrationView {
  return {
    aor: `${user}@example.com`,
    contact: `sip:${user}@127.0.0.1`,
    transport: 'UDP',
    source: '127.0.0.1:5060',
    expires: '2026-01-01T00:00:00.000Z',
    geoLocation: 'dc1',
  };
}

describe('the admin port', () => {
  let admin: Admin;
  const get = (path: string, init?: RequestInit): Promise<Response> => fetch(`${admin.url}${path}`, init);

  async function start(options: Partial<AdminOptions> = {}): Promise<void> {
    admin = await startAdmin({
      address,
      port: 0,
      log: pino({ level: 'silent' }),
      status,
      registrations: () => [],
      calls: () => [],
      ...options,
    });
  }
  afterEach(() => admin.close());

  it('says that it lives, whatever else', async () => {
    await start({
      status: () => {
        throw new Error('never asked');
      },
    });
    expect((await get('/livez')).status).to.equal(200);
  });

  it('is ready, or says why not with 503', async () => {
    let ready: ProxyStatus['ready'] = { ok: false, why: 'the store of dc1 has not been loaded yet' };
    await start({ status: () => status({ ready }) });
    const before = await get('/readyz');
    expect([before.status, await before.text()]).to.deep.equal([503, 'the store of dc1 has not been loaded yet\n']);
    ready = { ok: true };
    expect((await get('/readyz')).status).to.equal(200);
  });

  it('shows its status as JSON', async () => {
    await start();
    expect(await (await get('/status')).json()).to.deep.equal(status());
  });

  it('has a metric for every member of a pair, whatever its state', async () => {
    await start();
    const text = await (await get('/metrics')).text();
    expect(text).to.include(
      'sipcluster_member_state{pair="ss1",role="primary",address="127.0.0.1:5060",state="InService"} 1',
    );
    expect(text).to.include(
      'sipcluster_member_state{pair="ss1",role="backup",address="127.0.0.2:5060",state="Down"} 1',
    );
    expect(text).to.include('sipcluster_member_active{pair="ss1",role="primary",address="127.0.0.1:5060"} 1');
    expect(text).to.include(
      'sipcluster_member_round_trip_seconds{pair="ss1",role="primary",address="127.0.0.1:5060"} 0.0015',
    );
    expect(text).to.include('sipcluster_registrations 3');
    expect(text).to.include('sipcluster_store_lag_seconds{geo_location="dc1"} 2.5');
  });

  it("counts as the proxy's own counters do, however often it is scraped", async () => {
    const counters = { requestsReceived: 7 };
    await start({ status: () => status({ counters }) });
    expect(await (await get('/metrics')).text()).to.include('sipcluster_requests_received_total 7');
    counters.requestsReceived = 9;
    expect(await (await get('/metrics')).text()).to.include('sipcluster_requests_received_total 9');
  });

  it('lists calls in progress, all or the one with a Call-ID', async () => {
    const call = (callId: string): CallView => ({
      ...{ callId, pair: 'ss1', proxy: 'p0', geoLocation: 'dc1' },
      ...{ since: '2026-01-01T00:00:00.000Z', expires: '2026-01-01T04:00:00.000Z' },
    });
    const all = ['a@h', 'b&c=d@h'].map(call);
    await start({ calls: (callId) => (callId === undefined ? all : all.filter((view) => view.callId === callId)) });
    expect(await (await get('/calls')).json()).to.deep.equal(all);
    expect(await (await get(`/calls?call-id=${encodeURIComponent('b&c=d@h')}`)).json()).to.deep.equal([all[1]]);
    expect(await (await get('/calls?call-id=other')).json()).to.deep.equal([]);
  });

  it('counts refused messages by what was wrong with them', async () => {
    await start({ status: () => status({ defects: { 'Bad CSeq': 3, 'Loop Detected': 0 } }) });
    const text = await (await get('/metrics')).text();
    expect(text).to.include('sipcluster_defects_total{defect="Bad CSeq"} 3');
    expect(text).to.include('sipcluster_defects_total{defect="Loop Detected"} 0');
  });

  it('makes a long list a piece at a time, so that it holds up nothing else', async () => {
    let turn = 0;
    const perTurn = new Map<number, number>();
    const turns = setInterval(() => turn++, 0);
    await start({
      *registrations() {
        for (let i = 0; i < 5000; i++) {
          perTurn.set(turn, (perTurn.get(turn) ?? 0) + 1);
          // a timer has its turn only where the loop is left
          const end = i % 1000 === 0 ? performance.now() + 2 : 0;
          while (performance.now() < end);
          yield registration(`user${i}`);
        }
      },
    });
    const list = (await (await get('/registrations')).json()) as readonly unknown[];
    clearInterval(turns);
    expect(list).to.have.length(5000);
    expect(Math.max(...perTurn.values())).to.be.at.most(2001);
  });

  it('lists registrations, all or of one address of record', async () => {
    const all = Array.from({ length: 2500 }, (_, n) => registration(`user${n}`));
    await start({ registrations: (aor) => (aor === undefined ? all : all.filter((view) => view.aor === aor)) });
    expect(await (await get('/registrations')).json()).to.deep.equal(all);
    expect(await (await get('/registrations?aor=user7%40example.com')).json()).to.deep.equal([registration('user7')]);
    expect(await (await get('/registrations?aor=nobody')).json()).to.deep.equal([]);
  });

  it('gives probes and metrics to anyone, and the rest only for the token, as the file has it now', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'sipcluster-token-'));
    try {
      writeFileSync(join(directory, 'token'), 'first\n');
      await start({ token: directory });
      const answered = async (headers: Record<string, string>) => (await get('/status', { headers })).status;
      for (const path of ['/livez', '/readyz', '/metrics']) expect((await get(path)).status, path).to.equal(200);
      const refused = await get('/registrations');
      expect([refused.status, refused.headers.get('www-authenticate')]).to.deep.equal([401, 'Bearer']);
      expect(await answered({ authorization: 'Bearer fist' })).to.equal(401);
      expect(await answered({ authorization: 'Basic first' })).to.equal(401);
      expect(await answered({ authorization: 'Bearer first' })).to.equal(200);
      expect(await answered({ 'sipcluster-token': 'first' })).to.equal(200);
      writeFileSync(join(directory, 'token'), 'second');
      expect(await answered({ authorization: 'Bearer first' })).to.equal(401);
      expect(await answered({ authorization: 'Bearer second' })).to.equal(200);
      rmSync(join(directory, 'token'));
      expect(await answered({ authorization: 'Bearer second' })).to.equal(503);
      writeFileSync(join(directory, 'token'), '');
      expect(await answered({ authorization: 'Bearer ' })).to.equal(401);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('cuts links only where it was started for testing', async () => {
    await start();
    expect((await get('/block', { method: 'POST', body: '[]' })).status).to.equal(405);
    await admin.close();
    const blocked: string[][] = [];
    await start({ block: (addresses) => blocked.push([...addresses]) });
    expect((await get('/block', { method: 'POST', body: '["127.0.0.9"]' })).status).to.equal(204);
    expect(blocked).to.deep.equal([['127.0.0.9']]);
    for (const [body, answer] of [
      ['nonsense', 400],
      ['[1]', 400],
      [`["${'x'.repeat(70_000)}"]`, 413],
    ] as const) {
      expect((await get('/block', { method: 'POST', body })).status).to.equal(answer);
    }
  });

  it('answers 404 for what it has not, and 405 for what it only shows', async () => {
    await start();
    expect((await get('/secrets')).status).to.equal(404);
    expect((await get('/status', { method: 'DELETE' })).status).to.equal(405);
  });

  it('answers 500 where its status fails, and goes on', async () => {
    let fails = true;
    await start({
      status: () => {
        if (fails) throw new Error('broken');
        return status();
      },
    });
    expect((await get('/status')).status).to.equal(500);
    fails = false;
    expect((await get('/status')).status).to.equal(200);
  });

  it('says which address and port it can not have', async () => {
    await start();
    const port = Number(new URL(admin.url).port);
    const error = await startAdmin({
      address,
      port,
      log: pino({ level: 'silent' }),
      status,
      registrations: () => [],
      calls: () => [],
    }).catch((reason: unknown) => reason);
    expect(String(error)).to.include(
      `can't listen on ${address}:${port} for the admin port: another process uses this port`,
    );
  });
});
