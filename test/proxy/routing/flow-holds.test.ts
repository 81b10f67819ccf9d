import { expect } from 'chai';
import { FlowHolds } from '../../../proxy/routing/flow-holds.ts';
import { TimerWheel } from '../../../proxy/transaction/timers.ts';

const connection = (number: number) => ({
  number,
  transport: 'TCP' as const,
  remoteAddress: '192.0.2.1',
  remotePort: 1,
  inbound: true,
  open: true,
  holds: 0,
});

describe('holding a flow', () => {
  it('keeps the connection until the latest expiry of what was registered over it', () => {
    const timers = new TimerWheel(0);
    const holds = new FlowHolds(timers);
    const flow = connection(1);
    holds.hold(flow, 60_000);
    holds.hold(flow, 30_000);
    timers.advance(59_000);
    expect(flow.holds).to.equal(1);
    timers.advance(60_010);
    expect([flow.holds, holds.size]).to.deep.equal([0, 0]);
  });

  it('forgets a connection that closed, and its timer', () => {
    const timers = new TimerWheel(0);
    const holds = new FlowHolds(timers);
    const flow = connection(1);
    holds.hold(flow, 60_000);
    holds.release(flow);
    holds.release(flow);
    expect([flow.holds, holds.size, timers.size]).to.deep.equal([0, 0, 0]);
  });
});
