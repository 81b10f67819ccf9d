import { expect } from 'chai';
import { pino } from 'pino';
import { Processes } from '../../operator/apply-processes.ts';
import type { ProxyPlace } from '../../operator/processes/proxy-place.ts';
import type { ProxyProcess } from '../../operator/render/processes.ts';
import { eventually } from '../peers/deadline.ts';

function proxy(name: string, config = 'a', restartKey = '1'): ProxyProcess {
  return {
    name,
    geoLocation: 'dc1',
    cluster: 'cc',
    switch: 'sw',
    dn: 'dn',
    address: '127.0.0.1',
    listeners: [],
    admin: `http://${name}`,
    adminPort: 9060,
    config,
    env: { POD_NAME: name, POD_IP: '127.0.0.1', SECRETS: '/' },
    restartKey,
  };
}

/** Proxies that only note what is done to them. */
class Stage {
  readonly deeds: string[] = [];
  readonly unready = new Set<string>();
  readonly died = new Map<string, () => void>();
  /** What a proxy that was told to end waits for. */
  stopped: Promise<void> = Promise.resolve();
  readonly processes = new Processes({
    makePlace: (of, died) => this.#place(of, died),
    unready: (admin) => Promise.resolve(this.unready.has(admin.slice(7)) ? 'not yet' : undefined),
    log: pino({ level: 'silent' }),
    ready: ({ name }) => this.deeds.push(`${name} ready`),
    pollEvery: 1,
    patience: 20,
  });

  #place(of: ProxyProcess, died: () => void): ProxyPlace {
    this.died.set(of.name, died);
    const { deeds } = this;
    let now = of;
    return {
      get proxy() {
        return now;
      },
      pid: undefined,
      start: () => deeds.push(`${of.name} ${of.config}${of.restartKey} starts`),
      update(to) {
        now = to;
        deeds.push(`${of.name} takes ${to.config}`);
      },
      stop: () => {
        deeds.push(`${of.name} stops`);
        return this.stopped;
      },
      kill: () => deeds.push(`${of.name} is killed`),
    };
  }
}

describe('the processes of a manifest', () => {
  it('all start at once', async () => {
    const stage = new Stage();
    expect(await stage.processes.apply([proxy('p0'), proxy('p1')])).to.equal(true);
    expect(stage.deeds.slice(0, 2)).to.deep.equal(['p0 a1 starts', 'p1 a1 starts']);
    expect(stage.deeds.slice(2)).to.have.members(['p0 ready', 'p1 ready']);
  });

  it('are left alone where nothing changes', async () => {
    const stage = new Stage();
    await stage.processes.apply([proxy('p0')]);
    stage.deeds.length = 0;
    await stage.processes.apply([proxy('p0')]);
    expect(stage.deeds).to.deep.equal([]);
  });

  it('are given a change that they can take live', async () => {
    const stage = new Stage();
    await stage.processes.apply([proxy('p0'), proxy('p1')]);
    stage.deeds.length = 0;
    await stage.processes.apply([proxy('p0', 'b'), proxy('p1')]);
    expect(stage.deeds).to.deep.equal(['p0 takes b']);
  });

  it('are rolled one by one, each ready before the next ends', async () => {
    const stage = new Stage();
    await stage.processes.apply([proxy('p0'), proxy('p1')]);
    stage.deeds.length = 0;
    expect(await stage.processes.apply([proxy('p0', 'b', '2'), proxy('p1', 'b', '2')])).to.equal(true);
    expect(stage.deeds).to.deep.equal(['p0 stops', 'p0 b2 starts', 'p0 ready', 'p1 stops', 'p1 b2 starts', 'p1 ready']);
  });

  it('keep what they run where the first of a roll does not become ready', async () => {
    const stage = new Stage();
    await stage.processes.apply([proxy('p0'), proxy('p1')]);
    stage.deeds.length = 0;
    stage.unready.add('p0');
    expect(await stage.processes.apply([proxy('p0', 'b', '2'), proxy('p1', 'b', '2')])).to.equal(false);
    expect(stage.deeds).to.deep.equal(['p0 stops', 'p0 b2 starts']);
    await stage.processes.close();
  });

  it('end when they are no longer wanted, and new ones start', async () => {
    const stage = new Stage();
    await stage.processes.apply([proxy('p0'), proxy('p1')]);
    stage.deeds.length = 0;
    await stage.processes.apply([proxy('p1'), proxy('p2')]);
    expect(stage.deeds).to.deep.equal(['p0 stops', 'p2 a1 starts', 'p2 ready']);
  });

  it('follow the newest manifest, without waiting for what an older one can not get ready', async () => {
    const stage = new Stage();
    stage.unready.add('p0');
    const first = stage.processes.apply([proxy('p0')]);
    await eventually(1000, 'the first start', () => stage.deeds.length === 1);
    const second = stage.processes.apply([proxy('p1')]);
    expect(await first).to.equal(false);
    expect(await second).to.equal(true);
    expect(stage.deeds).to.deep.equal(['p0 a1 starts', 'p0 stops', 'p1 a1 starts', 'p1 ready']);
  });

  it('are reported ready again after a death', async () => {
    const stage = new Stage();
    await stage.processes.apply([proxy('p0')]);
    stage.deeds.length = 0;
    stage.died.get('p0')?.();
    await eventually(1000, 'ready again', () => stage.deeds.includes('p0 ready'));
  });

  it('are all ended by close(), and nothing starts after it', async () => {
    const stage = new Stage();
    stage.unready.add('p1');
    const applied = stage.processes.apply([proxy('p0'), proxy('p1')]);
    await eventually(1000, 'the start', () => stage.deeds.length >= 2);
    await stage.processes.close();
    expect(await applied).to.equal(false);
    expect(await stage.processes.apply([proxy('p3')])).to.equal(false);
    expect(stage.deeds.filter((deed) => deed.endsWith('stops'))).to.have.members(['p0 stops', 'p1 stops']);
    expect(stage.processes.places).to.deep.equal([]);
  });

  it('are killed also where they were told to end and take their time', async () => {
    const stage = new Stage();
    const { promise, resolve } = Promise.withResolvers<void>();
    stage.stopped = promise;
    await stage.processes.apply([proxy('p0'), proxy('p1')]);
    const closed = stage.processes.close();
    stage.processes.kill();
    expect(stage.deeds.filter((deed) => deed.endsWith('killed'))).to.deep.equal(['p0 is killed', 'p1 is killed']);
    resolve();
    await closed;
  });
});
