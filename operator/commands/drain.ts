import { setTimeout as sleep } from 'node:timers/promises';
import { fetchStatus } from '../admin-client.ts';
import { ApiError } from '../kubernetes/api-error.ts';
import { access, adminPath, explained, shown, type ClusterArguments } from '../kubernetes/installed.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';
import { resources } from '../kubernetes/resources.ts';
import { label, manager } from '../render/kubernetes/metadata.ts';
import { UserError } from '../user-error.ts';

export interface DrainArguments extends ClusterArguments {
  readonly pod: string;
  /** Returns once the proxy is told, instead of when it is gone. */
  readonly wait: boolean;
}

/** How often it is looked after, ms. */
const pause = 1000;

interface PodFields {
  readonly spec?: { readonly terminationGracePeriodSeconds?: number };
}

/**
 * Tells a proxy's pod to end, as its PodDisruptionBudget allows: it takes new work for drain.dnsGrace, lets go of its
 * phones over drain.window, and another pod takes its place. Rejects with UserError if that can't be.
 */
export async function drain(args: DrainArguments): Promise<void> {
  const { api, namespace } = access(args);
  try {
    const pod = await api.read(resources.Pod, namespace, args.pod);
    refuseOthers(pod, args.pod, namespace);
    await api.evict(namespace, args.pod);
    const grace = (pod as unknown as PodFields).spec?.terminationGracePeriodSeconds ?? 0;
    say(`${args.pod} drains, for ${grace} s at most; another pod takes its place`);
    const admin = adminPath(pod);
    const headers = await shown(api, namespace, pod.metadata.labels?.[label.cluster] ?? '');
    const deadline = performance.now() + (grace + 60) * 1000;
    const began = performance.now();
    let said = '';
    while (args.wait) {
      const now = await api.read(resources.Pod, namespace, args.pod);
      if (now === undefined || now.metadata.uid !== pod.metadata.uid) {
        say(`${args.pod} is gone after ${Math.round((performance.now() - began) / 1000)} s`);
        return;
      }
      if (performance.now() > deadline)
        throw new UserError(`${args.pod} is still there ${grace + 60} s after it was told to end`);
      const status = await fetchStatus(admin, (path, ms) => api.ask(path, headers, AbortSignal.timeout(ms)));
      const line = typeof status === 'string' ? '' : `${status.state}: ${status.counts.transactions} transactions open`;
      if (line !== '' && line !== said) say(`${args.pod} ${line}`);
      said = line === '' ? said : line;
      await sleep(pause);
    }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const message =
      error.status === 429
        ? `${args.pod} can't be drained now, since fewer proxies would be left than the PodDisruptionBudget wants: wait until all are ready (${error.message})`
        : explained(error, namespace);
    throw new UserError(message, { cause: error });
  } finally {
    api.close();
  }
}

/** Only a proxy of ours, which is not ending already. */
function refuseOthers(
  pod: KubernetesObject | undefined,
  name: string,
  namespace: string,
): asserts pod is KubernetesObject {
  if (pod === undefined) throw new UserError(`there is no pod ${name} in the namespace ${namespace}`);
  const { labels = {}, deletionTimestamp } = pod.metadata;
  if (labels[label.managedBy] !== manager || labels['app.kubernetes.io/component'] !== 'proxy')
    throw new UserError(`the pod ${name} is no proxy of sipcluster's: it is left alone`);
  if (deletionTimestamp !== undefined) throw new UserError(`the pod ${name} is ending already`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
