import { expect } from 'chai';
import { pino } from 'pino';
import { Child, restartWait } from '../../../operator/processes/child.ts';
import { eventually, within } from '../../peers/deadline.ts';

const log = pino({ level: 'silent' });

function running(script: string, died?: () => void): Child {
  return new Child(
    () => ({
      what: 'a child',
      file: process.execPath,
      args: ['-e', script],
      env: process.env,
      lifeline: 'stdin',
      output: 2,
    }),
    log,
    died,
  );
}

describe('a child process', () => {
  it('waits 200 ms before it starts again, doubling to 5 s, and anew once it has run for a while', () => {
    const waits = [0, 0, 0, 0, 0, 0, 0].reduce<number[]>((list) => [...list, restartWait(list.at(-1) ?? 0, 1)], []);
    expect(waits).to.deep.equal([200, 400, 800, 1600, 3200, 5000, 5000]);
    expect(restartWait(5000, 10_000)).to.equal(200);
  });

  it('is started again when it dies', async () => {
    let deaths = 0;
    const child = running('setInterval(() => {}, 1000)', () => (deaths += 1));
    child.start();
    const first = child.pid;
    if (first === undefined) return expect.fail('it has not started');
    process.kill(first, 'SIGKILL');
    await eventually(5000, 'the second start', () => child.pid !== undefined && child.pid !== first);
    expect(deaths).to.equal(1);
    await child.stop();
    expect(child.pid).to.equal(undefined);
  });

  it('that can not be started is tried again', async () => {
    let tries = 0;
    const file = (): string => (tries++ === 0 ? '/nonexistent' : process.execPath);
    const child = new Child(
      () => ({
        what: 'a child',
        file: file(),
        args: ['-e', 'setInterval(() => {}, 1000)'],
        env: process.env,
        lifeline: 'stdin',
      }),
      log,
    );
    child.start();
    await eventually(5000, 'the second start', () => child.pid !== undefined);
    await child.stop();
  });

  it('that ignores SIGTERM is ended by SIGKILL within 5 s', async function () {
    this.timeout(10_000);
    const child = running("process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)");
    child.start();
    await within(5000, 'its end', child.stop());
    expect(child.pid).to.equal(undefined);
  });
});
