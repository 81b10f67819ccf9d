import type { Condition, SipClusterStatus, SipServerStatus } from '../../operator/sip-cluster.ts';
import { eventually } from '../peers/deadline.ts';
import type { Kubectl } from '../kubernetes/kubectl.ts';
import { cluster, namespace } from './places.ts';

export interface Read {
  readonly metadata: { readonly generation: number };
  readonly status?: SipClusterStatus;
}

export async function read(kubectl: Kubectl): Promise<Read> {
  return readOf(kubectl, cluster);
}

export async function readOf(kubectl: Kubectl, name: string): Promise<Read> {
  return kubectl.json<Read>('get', '-n', namespace, `sipcluster/${name}`);
}

/** By type. */
export function conditionsOf({ status }: Read): Map<string, Condition> {
  return new Map((status?.conditions ?? []).map((each) => [each.type, each]));
}

/** What its status says of a pair. */
export function pairIn({ status }: Read, name: string): SipServerStatus | undefined {
  const dns = (status?.switches ?? []).flatMap((each) => each.clusterDNs ?? []);
  return dns.flatMap((dn) => dn.sipServers ?? []).find((pair) => pair.name === name);
}

/** Resolves when the status is of the newest generation, Ready, and nothing is under way; rejects after `patience` ms. */
export async function settled(kubectl: Kubectl, patience: number): Promise<void> {
  let last = '';
  try {
    await eventually(patience, 'the SipCluster is Ready with nothing under way', async () => {
      await new Promise((resolve) => setTimeout(resolve, 500));
      const resource = await read(kubectl);
      const { metadata, status } = resource;
      const conditions = conditionsOf(resource);
      last = [...conditions.values()].map(({ type, status: is, message }) => `${type}=${is} (${message})`).join('; ');
      return (
        status?.observedGeneration === metadata.generation &&
        conditions.get('Ready')?.status === 'True' &&
        !conditions.has('Reconciling')
      );
    });
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}; it says ${last}`, { cause: error });
  }
}

/** Resolves when no proxy drains any more: a roll is done before the last one that it replaced is gone. */
export async function noneEnds(kubectl: Kubectl): Promise<void> {
  await eventually(60_000, 'no proxy drains', async () => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const proxies = '--selector=app.kubernetes.io/component=proxy';
    const ending = '--output=jsonpath={.items[*].metadata.deletionTimestamp}';
    return (await kubectl.run('get', 'pods', '-n', namespace, proxies, ending)) === '';
  });
}
