import type { Logger as Log } from 'pino';
import { etcdClient } from '../proxy/store/etcd-client.ts';
import type { EtcdMember } from './etcd-upkeep.ts';
import { isRecord, type KubernetesObject } from './kubernetes/object.ts';
import { annotation, label } from './render/kubernetes/metadata.ts';
import { peerUrl } from './render/kubernetes/stateful-set.ts';

/** What etcd ends with when it starts without data, though it is known as a member. */
const forgotten = 'has already been bootstrapped';

/**
 * Pods of an etcd's members whose data is gone, by what they ended with. One that was seen to is none any more.
 * @param objects among them the pods of the SipCluster
 */
export function emptiedMembers(objects: readonly KubernetesObject[], store: string): KubernetesObject[] {
  return objects.filter(({ kind, metadata, status }) => {
    if (kind !== 'Pod' || metadata.labels?.[label.part] !== store || metadata.deletionTimestamp !== undefined)
      return false;
    const seenTo = metadata.annotations?.[annotation.clusterState] === 'existing';
    const containers: readonly unknown[] =
      isRecord(status) && Array.isArray(status['containerStatuses']) ? status['containerStatuses'] : [];
    return !seenTo && containers.some((container) => isRecord(container) && endedWith(container).includes(forgotten));
  });
}

function endedWith({ state, lastState }: Readonly<Record<string, unknown>>): string {
  const messages = [state, lastState].map((each) => {
    const ended = isRecord(each) && isRecord(each['terminated']) ? each['terminated'] : {};
    return typeof ended['message'] === 'string' ? ended['message'] : '';
  });
  return messages.join('\n');
}

export interface Emptied {
  /** The etcd's name, its namespace, and the member's pod. */
  readonly store: string;
  readonly namespace: string;
  readonly pod: string;
  /** All members. */
  readonly members: readonly EtcdMember[];
}

/**
 * Removes a member whose data is gone and adds it again, so that it takes the data of the others: under its old id it would
 * vote on what it no longer knows. Rejects while the others have no quorum.
 */
export async function replaceMember({ store, namespace, pod, members }: Emptied, log: Log): Promise<void> {
  const others = members.filter(({ endpoint }) => !endpoint.startsWith(`https://${pod}.`));
  await replaceAt(others, peerUrl(pod, store, namespace));
  log.warn({ store, member: pod }, 'a member whose data is gone was removed and added again');
}

/** @param others the members that have their data */
export async function replaceAt(others: readonly EtcdMember[], url: string): Promise<void> {
  const [first] = others;
  if (first === undefined) return;
  const client = etcdClient({ ...first.access, endpoints: others.map(({ endpoint }) => endpoint) });
  try {
    const known = (await client.cluster.memberList({})).members.find(({ peerURLs }) => peerURLs.includes(url));
    // One without a name was added and has not started yet.
    if (known?.name === '') return;
    if (known !== undefined) await client.cluster.memberRemove({ ID: known.ID });
    await client.cluster.memberAdd({ peerURLs: [url] });
  } finally {
    client.close();
  }
}
