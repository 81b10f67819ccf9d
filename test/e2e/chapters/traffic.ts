import { crowd, dataCentres } from '../places.ts';
import type { Stage } from '../stage.ts';

/** Calls a second while things change; $RATE is for machines that can't have so many. */
export const rate = Number(process.env['RATE'] ?? 50);

/** Calls begin, from the crowd of each data centre to the other's. */
export async function trafficBegins({ cast, story }: Stage): Promise<void> {
  for (const dataCentre of dataCentres) {
    const answers = Object.entries(await cast.register(dataCentre, crowd[dataCentre]));
    const refused = answers.filter(([, status]) => status !== 200);
    if (refused.length > 0) throw new Error(`REGISTER in ${dataCentre}: ${JSON.stringify(refused)}`);
  }
  await cast.startLoad(rate);
  story.says(`${rate} calls a second from now on, held for a second each`);
}

/** They end; not one may have failed. Resolves to how many did. */
export async function trafficEnds({ cast, story }: Stage): Promise<number> {
  const results = await cast.stopLoad();
  const made = results.reduce((sum, result) => sum + result.made, 0);
  const failures = results.flatMap((result) => result.failures);
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  const slowest = Math.max(...results.map((result) => result.slowest));
  for (const { at, why } of failures.slice(0, 10)) story.complains(`${at} ${why}`);
  const heldUp = Math.max(...results.map((result) => result.heldUp));
  const answered = `the slowest was answered after ${slowest} ms, the phones were held up for ${heldUp} ms at most`;
  if (failed > 0) story.complains(`${failed} of ${made} calls failed; ${answered}`);
  else story.tells(`${made} calls were made, none failed; ${answered}`);
  return failed;
}
