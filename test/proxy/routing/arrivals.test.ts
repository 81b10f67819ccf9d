import { expect } from 'chai';
import { Arrivals } from '../../../proxy/routing/arrivals.ts';
import { register } from '../../builders.ts';
import { AT, requestIn, respond, Scene } from './scene.ts';

const WALL = 1_700_000_000_000;

describe('when a message came', () => {
  it('is now in a process that runs, even if it is held up for some seconds', () => {
    const arrivals = new Arrivals(0);
    for (let now = 0; now <= 20_000; now += 2_900) arrivals.lives(now, WALL + now);
    expect(arrivals.earliest(20_000, WALL + 20_000)).to.equal(WALL + 20_000);
  });

  it('is before a process was stopped, for what it reads within a second of going on', () => {
    const arrivals = new Arrivals(0);
    arrivals.lives(5_000, WALL + 5_000);
    expect(arrivals.earliest(25_000, WALL + 25_000)).to.equal(WALL + 5_000);
    arrivals.lives(25_010, WALL + 25_010);
    expect(arrivals.earliest(25_900, WALL + 25_900)).to.equal(WALL + 5_000);
    expect(arrivals.earliest(26_010, WALL + 26_010)).to.equal(WALL + 26_010);
  });
});

describe('a REGISTER that a stopped proxy reads when it goes on', () => {
  it('is older than what its phone, started anew, has registered through another one meanwhile', async () => {
    const p1 = await Scene.begin();
    const p2 = await Scene.begin({ place: { name: 'p2', address: '10.1.0.2' } }, true, p1.cluster);
    const registers = async (scene: Scene, callId: string): Promise<void> => {
      const text = register({ from: 'bob', callId, branch: `z9hG4bK${callId}`, sentBy: `${AT.bob}:5060` });
      const asked = requestIn(await scene.receives(text, AT.bob));
      await scene.receives(respond(asked.message, 200), asked.hop.address);
      await scene.settled();
    };
    await p2.passes(10_000);
    await registers(p2, 'anew');
    await p2.passes(10_000);
    p1.time = p2.time;
    await registers(p1, 'stale');
    await p2.settled();
    for (const { replica, time } of [p1, p2])
      expect(replica.bindings('bob@example.com', time).map(({ stamp }) => stamp.callId)).to.deep.equal(['anew']);
  });
});
