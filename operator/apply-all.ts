import { applyObject, type ApplyEdge, type Outcome } from './apply-kubernetes.ts';
import type { Problem } from './conditions.ts';
import type { Happening } from './events.ts';
import { ApiError } from './kubernetes/api-error.ts';
import type { KubernetesObject } from './kubernetes/object.ts';

/** How it went with the objects of one SipCluster. */
export interface Applied {
  /** What can't be as it is written. */
  readonly problems: readonly Problem[];
  /** What may go well the next time: a conflict, too many calls, an error of the server. */
  readonly failures: readonly ApiError[];
  readonly happenings: readonly Happening[];
  /** A line each of what was done. */
  readonly done: readonly string[];
}

/** By which the API server says that it will never take an object as it is. */
const refusals: ReadonlySet<number> = new Set([400, 403, 404, 422]);

/**
 * Makes every object be as wanted, one after the other. What goes wrong with one doesn't keep the others from being made.
 * Rejects only if there is no API server to talk to, or this operator no longer leads.
 */
export async function applyAll(
  wanted: readonly KubernetesObject[],
  live: (object: KubernetesObject) => KubernetesObject | undefined,
  uid: string,
  edge: ApplyEdge,
): Promise<Applied> {
  const problems: Problem[] = [];
  const failures: ApiError[] = [];
  const told: Happening[] = [];
  const done: string[] = [];
  for (const object of wanted) {
    const what = `${object.kind} ${object.metadata.name}`;
    try {
      const outcome = await applyObject(object, live(object), uid, edge);
      if (outcome.result === 'NameConflict') {
        const message = `${what} exists and is not of this SipCluster: it is left as it is; remove or rename it`;
        problems.push({ type: 'ConfigurationValid', reason: 'NameConflict', message });
        told.push({ type: 'Warning', reason: 'NameConflict', note: message });
      } else if (outcome.result !== 'Unchanged') done.push(lineOf(what, outcome));
      if (outcome.result === 'Updated') told.push(...repairs(what, outcome));
    } catch (error) {
      if (!(error instanceof ApiError) || error.status === 0) throw error;
      if (refusals.has(error.status))
        problems.push({
          type: 'ConfigurationValid',
          reason: 'Refused',
          message: `${what} is refused: ${error.message}`,
        });
      else failures.push(error);
    }
  }
  return { problems, failures, happenings: told, done };
}

/** What the API server has against it, none if it went well. Rejects as `applyAll` does. */
export async function answersOf(work: () => Promise<void>): Promise<ApiError[]> {
  try {
    await work();
    return [];
  } catch (error) {
    if (error instanceof ApiError && error.status !== 0) return [error];
    throw error;
  }
}

function lineOf(what: string, outcome: Outcome): string {
  if (outcome.result !== 'Updated') return `${what} created`;
  return `${what} changed: ${outcome.changed.map(({ path }) => path).join(', ')}`;
}

function repairs(what: string, { repaired }: Outcome & { result: 'Updated' }): Happening[] {
  return repaired.map(({ path, managers }) => ({
    type: 'Warning',
    reason: 'Repaired',
    note: `${what}: ${path} was changed by ${managers.join(', ')} and is put back`,
  }));
}

/** One error for all that failed, which asks for as long a pause as the most patient of them. */
export function together(failures: readonly ApiError[]): ApiError | undefined {
  const [first, ...more] = failures;
  if (first === undefined || more.length === 0) return first;
  const pause = Math.max(...failures.map(({ retryAfter }) => retryAfter));
  return new ApiError(first.status, first.reason, `${first.message}, and ${more.length} more like it`, pause);
}
