import { manifest, type Changes } from '../manifest.ts';
import { namespace, operatorNamespace } from '../places.ts';
import { settled } from '../resource.ts';
import { since, type Stage } from '../stage.ts';

/** How long a roll of four proxies may take, ms: each new one counts once the drain of the old must be over. */
const patience = 300_000;

/** How long a change may take that proxies take as they run, ms. */
const atOnce = 10_000;

/** A change that proxies take as they run. */
export async function changedLive(stage: Stage, what: string, changes: Changes): Promise<void> {
  const before = await podsOf(stage);
  const took = await changed(stage, changes, atOnce);
  if ((await podsOf(stage)) !== before) throw new Error(`${what} replaced proxies`);
  stage.story.tells(`${what}: in force everywhere after ${took}, no pod was restarted`);
}

/** A change that needs new pods. */
export async function rolled(stage: Stage, what: string, changes: Changes): Promise<void> {
  const before = await podsOf(stage);
  const took = await changed(stage, changes, patience);
  if ((await podsOf(stage)) === before) throw new Error(`${what} replaced no proxy`);
  stage.story.tells(`${what}: four proxies replaced, one by one, within ${took}`);
}

/** The same, with both operators killed on the way. */
export async function rolledWithoutOperator(stage: Stage, what: string, changes: Changes): Promise<void> {
  const { kubectl, story } = stage;
  const killed = (async () => {
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    await kubectl.run('delete', 'pods', '-n', operatorNamespace, '--all', '--grace-period=0', '--force');
    story.says('both operators are killed in mid-roll');
  })();
  await rolled(stage, what, changes);
  await killed;
}

async function changed({ kubectl, cast }: Stage, changes: Changes, within: number): Promise<string> {
  const began = performance.now();
  await kubectl.apply(manifest(cast, changes));
  await settled(kubectl, within);
  return since(began);
}

/** Names of the proxies' pods. */
async function podsOf({ kubectl }: Stage): Promise<string> {
  const proxies = '--selector=app.kubernetes.io/component=proxy';
  const names = await kubectl.run('get', 'pods', '-n', namespace, proxies, '--output=name', '--sort-by=.metadata.name');
  return names.trim();
}
