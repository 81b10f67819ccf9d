import { expect } from 'chai';
import { Deadlines } from '../../../proxy/transport/deadlines.ts';
import { defaultLimits } from '../../../proxy/transport/limits.ts';

const inbound = { inbound: true, ready: true, holds: 0 };
const start = 1_000_000;

/** Of a phone's connection that has brought its first message. */
function proven(): Deadlines {
  const deadlines = new Deadlines(start);
  deadlines.heard(start);
  deadlines.proven();
  return deadlines;
}

/** What it is ended for when nothing more happens, and after how many ms. */
function endOf(deadlines: Deadlines, watched: Parameters<Deadlines['overdue']>[2]): [string, number] | undefined {
  for (let passed = 0; passed <= 1_000_000; passed += 1_000) {
    const overdue = deadlines.overdue(start + passed, defaultLimits, watched);
    if (overdue !== undefined) return [overdue.counter, passed];
  }
  return undefined;
}

describe('the deadlines of a connection', () => {
  it('end one of ours that does not come about', () => {
    expect(endOf(new Deadlines(start), { inbound: false, ready: false, holds: 1 })).to.deep.equal([
      'connectTimedOut',
      4_000,
    ]);
  });

  it('end one that has brought no whole message, whatever holds it', () => {
    expect(endOf(new Deadlines(start), { ...inbound, holds: 1 })).to.deep.equal(['closedHalfOpen', 30_000]);
  });

  it('end one that carries nothing, unless a binding or a transaction holds it', () => {
    expect(endOf(proven(), inbound)).to.deep.equal(['closedIdle', 300_000]);
    expect(endOf(proven(), { ...inbound, holds: 1 })).to.equal(undefined);
  });

  it('end a held one whose peer sent keep-alives, as it was told to, and stopped (RFC 5626 4.4.1)', () => {
    const deadlines = proven();
    deadlines.keptAlive();
    expect(endOf(deadlines, { ...inbound, holds: 1, keepAlive: 120_000 })).to.deep.equal(['closedSilent', 180_000]);
  });

  it('do not count what we send for a keep-alive', () => {
    const deadlines = proven();
    deadlines.keptAlive();
    deadlines.used(start + 170_000);
    expect(endOf(deadlines, { ...inbound, holds: 1, keepAlive: 120_000 })).to.deep.equal(['closedSilent', 180_000]);
  });

  it('leave a held one whose peer never sent keep-alives to those of the kernel', () => {
    expect(endOf(proven(), { ...inbound, holds: 1, keepAlive: 120_000 })).to.equal(undefined);
  });

  it('end one whose peer does not read, though it is held and talks', () => {
    const deadlines = proven();
    deadlines.notRead(start);
    deadlines.heard(start + 9_000);
    expect(endOf(deadlines, { ...inbound, holds: 1 })).to.deep.equal(['closedUnread', 10_000]);
    deadlines.notRead(0);
    expect(endOf(deadlines, { ...inbound, holds: 1 })).to.equal(undefined);
  });

  it('end one whose message comes a byte at a time', () => {
    const deadlines = proven();
    for (let at = start; at < start + 30_000; at += 1_000) {
      deadlines.heard(at);
      deadlines.partly(at);
    }
    expect(endOf(deadlines, { ...inbound, holds: 1 })).to.deep.equal(['closedSlow', 30_000]);
  });

  it('end one that does not answer a ping by the next', () => {
    const deadlines = proven();
    deadlines.pinged(start);
    expect(endOf(deadlines, { ...inbound, holds: 1 })).to.deep.equal(['closedSilent', 25_000]);
    deadlines.pong(start + 20_000);
    expect(endOf(deadlines, { ...inbound, holds: 1 })).to.equal(undefined);
  });
});
