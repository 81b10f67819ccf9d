import { expect } from 'chai';
import { pino } from 'pino';
import { ApiError } from '../../operator/kubernetes/api-error.ts';
import type { KubernetesObject } from '../../operator/kubernetes/object.ts';
import { ObjectWatch, type ListPage, type WatchSource } from '../../operator/watch.ts';
import { GivenTime, settled } from './given-time.ts';

function object(name: string, resourceVersion: string): KubernetesObject {
  return { apiVersion: 'v1', kind: 'Thing', metadata: { name, namespace: 'voice', uid: name, resourceVersion } };
}

/** An API server of one kind whose every answer the test gives. */
class Server implements WatchSource {
  pages: (ListPage | ApiError)[] = [];
  lists: (string | undefined)[] = [];
  watches: {
    from: string;
    event: (type: string, object: unknown) => void;
    end: () => void;
    fail: (error: Error) => void;
    signal: AbortSignal;
  }[] = [];

  async list(from: string | undefined): Promise<ListPage> {
    this.lists.push(from);
    const page = this.pages.length > 1 ? this.pages.shift() : this.pages[0];
    if (page === undefined || page instanceof ApiError) throw page ?? new ApiError(500, 'InternalError', 'no page');
    return page;
  }

  watch(from: string, event: (type: string, object: unknown) => void, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.watches.push({ from, event, end: resolve, fail: reject, signal });
      signal.addEventListener('abort', () => reject(new Error('aborted')));
    });
  }

  get last(): Server['watches'][number] {
    const last = this.watches.at(-1);
    if (last === undefined) throw new Error('nobody watches');
    return last;
  }
}

describe('ObjectWatch', () => {
  let server: Server;
  let time: GivenTime;
  let watch: ObjectWatch;
  let changes: string[];

  beforeEach(() => {
    server = new Server();
    server.pages = [{ items: [object('a', '1'), object('b', '2')], resourceVersion: '5' }];
    time = new GivenTime();
    changes = [];
    watch = new ObjectWatch({
      what: 'things',
      source: server,
      clock: time,
      log: pino({ level: 'silent' }),
      changed: (now, before) =>
        changes.push(
          `${before?.metadata.resourceVersion ?? '-'}>${now?.metadata.resourceVersion ?? '-'} ${(now ?? before)?.metadata.name}`,
        ),
      synced: () => changes.push('synced'),
    });
  });
  afterEach(() => watch.close());

  const started = async (): Promise<void> => {
    watch.start();
    await settled();
    changes.length = 0;
  };

  it('lists page by page, and watches from the first page’s version', async () => {
    server.pages = [
      { items: [object('a', '1')], resourceVersion: '5', next: 'more' },
      { items: [object('b', '2')], resourceVersion: '7' },
    ];
    watch.start();
    await settled();
    expect(server.lists).to.deep.equal([undefined, 'more']);
    expect(changes).to.deep.equal(['->1 a', '->2 b', 'synced']);
    expect(server.last.from).to.equal('5');
  });

  it('follows what comes, changes and goes', async () => {
    await started();
    server.last.event('ADDED', object('c', '6'));
    server.last.event('MODIFIED', object('a', '7'));
    server.last.event('DELETED', object('b', '8'));
    expect(changes).to.deep.equal(['->6 c', '1>7 a', '2>- b']);
    expect([...watch.objects.keys()]).to.deep.equal(['voice/a', 'voice/c']);
  });

  it('resumes after the last event or bookmark when the server ends the watch', async () => {
    await started();
    await time.move(5000);
    server.last.event('BOOKMARK', { kind: 'Thing', metadata: { name: '', resourceVersion: '90' } });
    server.last.end();
    await settled();
    expect(server.watches).to.have.length(2);
    expect(server.last.from).to.equal('90');
    expect(server.lists).to.have.length(1);
    expect(changes).to.deep.equal([]);
  });

  for (const [how, gone] of [
    ['by a status', (): void => server.last.fail(new ApiError(410, 'Expired', 'too old'))],
    [
      'by an event',
      (): void => server.last.event('ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' }),
    ],
  ] as const) {
    it(`lists again when the server says ${how} that it has forgotten, and tells only what differs`, async () => {
      await started();
      server.pages = [{ items: [object('a', '1'), object('c', '11')], resourceVersion: '12' }];
      gone();
      await time.move(1000);
      expect(changes).to.deep.equal(['2>- b', '->11 c']);
      expect(server.last.from).to.equal('12');
    });
  }

  it('pauses ever longer while the server can’t be reached, up to 30 s', async () => {
    server.pages = [new ApiError(503, 'ServiceUnavailable', 'restarting')];
    watch.start();
    await time.move(300_000);
    const during = server.lists.length;
    expect(during).to.be.within(12, 22);
    expect(watch.synced).to.equal(false);
    server.pages = [{ items: [], resourceVersion: '1' }];
    await time.move(30_000);
    expect(watch.synced).to.equal(true);
  });

  it('does not turn fast when every watch is ended at once', async () => {
    await started();
    for (let n = 0; n < 1000; n += 1) {
      server.last.end();
      await settled();
    }
    expect(server.watches.length).to.be.lessThan(5);
  });

  it('opens the watch again when nothing comes any more, not even a bookmark', async () => {
    await started();
    const [first] = server.watches;
    await time.move(80_000);
    first?.event('BOOKMARK', { kind: 'Thing', metadata: { name: '', resourceVersion: '9' } });
    await time.move(80_000);
    expect(server.watches).to.have.length(1);
    await time.move(30_000);
    expect(first?.signal.aborted).to.equal(true);
    expect(server.watches).to.have.length(2);
    expect(server.last.from).to.equal('9');
  });

  it('ends when it is closed, whatever it waits for', async () => {
    await started();
    await watch.close();
    expect(server.last.signal.aborted).to.equal(true);
  });
});
