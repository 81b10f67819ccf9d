import { eventually } from '../../peers/deadline.ts';
import { pairs } from '../places.ts';
import { pairIn, read } from '../resource.ts';
import { since, type Stage } from '../stage.ts';

/** A call's primary dies; status shows the switch, and the call goes on. */
export async function primaryDies({ cast, kubectl, story }: Stage): Promise<void> {
  await cast.call('alice', 'bob');
  story.tells('alice talks with bob');
  // Each pair that may hold the call loses its primary in turn, so that the one that does is among them.
  for (const pair of pairs.filter(({ dataCentre }) => dataCentre === 'dc1')) {
    const began = performance.now();
    await cast.killsMember(pair, 'primary');
    story.says(`kill -9 of ${pair.name}'s primary`);
    await eventually(30_000, `status shows that ${pair.name} has switched`, async () => {
      return pairIn(await read(kubectl), pair.name)?.active === 'backup';
    });
    story.tells(`its backup serves, and status says so after ${since(began)}`);
    await cast.startsMember(pair, 'primary');
  }
  await cast.hold('alice');
  await cast.hangUp('alice');
  story.tells('alice puts bob on hold, takes him back and hangs up, all by way of the backup');
  const answered = await cast.call('carol', 'dave');
  await cast.hangUp('carol');
  story.tells(`carol calls dave: answered after ${answered} ms`);
}
