import { isRecord, type KubernetesObject } from './kubernetes/object.ts';
import { label } from './render/kubernetes/metadata.ts';

/** What the operator looks at of a pod: hundreds of whole ones would take much of its memory. */
export function podKept({ apiVersion, kind, metadata, spec, status }: KubernetesObject): KubernetesObject {
  const { managedFields: _managedFields, ownerReferences: _ownerReferences, ...rest } = metadata;
  const { conditions, containerStatuses } = isRecord(status) ? status : {};
  return {
    apiVersion,
    kind,
    metadata: rest,
    spec: { nodeName: isRecord(spec) ? spec['nodeName'] : undefined },
    status: { conditions, containerStatuses },
  };
}

/** A pod's message may be as long as its log's last lines. */
const longest = 300;

/**
 * What keeps a pod from being ready, in the words of whoever found it: the scheduler (no node has the ports free), the
 * kubelet (no image, no Secret), or the proxy itself, which says with its last line why it can't start. Undefined: nothing
 * that would not pass by itself.
 */
export function podTrouble({ metadata, status }: KubernetesObject): string | undefined {
  if (!isRecord(status) || metadata.deletionTimestamp !== undefined) return undefined;
  const why = unscheduled(status) ?? recordsOf(status['containerStatuses']).map(containerTrouble).find(Boolean);
  return why === undefined ? undefined : `pod ${metadata.name}: ${short(why)}`;
}

/** Of all pods among these objects, by the shard's name, sorted. */
export function podTroubles(objects: readonly KubernetesObject[]): Map<string, string[]> {
  const troubles = new Map<string, string[]>();
  for (const pod of objects.filter(({ kind }) => kind === 'Pod')) {
    const trouble = podTrouble(pod);
    const part = pod.metadata.labels?.[label.part] ?? '';
    if (trouble !== undefined) troubles.set(part, [...(troubles.get(part) ?? []), trouble].toSorted());
  }
  return troubles;
}

function unscheduled(status: Readonly<Record<string, unknown>>): string | undefined {
  const condition = recordsOf(status['conditions']).find(({ type }) => type === 'PodScheduled');
  if (condition?.['status'] !== 'False') return undefined;
  return `${text(condition['reason'])}: ${text(condition['message'])}`;
}

function containerTrouble({ state, lastState }: Readonly<Record<string, unknown>>): string | undefined {
  const waiting = isRecord(state) && isRecord(state['waiting']) ? state['waiting'] : undefined;
  const reason = text(waiting?.['reason']);
  if (waiting === undefined || reason === 'ContainerCreating' || reason === 'PodInitializing') return undefined;
  const ended = isRecord(lastState) && isRecord(lastState['terminated']) ? lastState['terminated'] : undefined;
  const last = text(ended?.['message']).trim();
  const message = last === '' ? text(waiting['message']) : lastLine(last);
  return `${reason}: ${message}`;
}

/** Of a log in JSON: what its last line says. */
function lastLine(log: string): string {
  const line = log.split('\n').at(-1) ?? '';
  try {
    const entry: unknown = JSON.parse(line);
    return isRecord(entry) && typeof entry['msg'] === 'string' ? entry['msg'] : line;
  } catch {
    return line;
  }
}

function recordsOf(list: unknown): Readonly<Record<string, unknown>>[] {
  return Array.isArray(list) ? list.filter(isRecord) : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function short(why: string): string {
  return why.length <= longest ? why : `${why.slice(0, longest)}…`;
}
