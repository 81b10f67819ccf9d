import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { KubeConfig } from '@kubernetes/client-node';
import { parse } from 'yaml';
import { openLog } from '../../proxy/log.ts';
import { Controller } from '../controller.ts';
import { missingFields } from '../crd-check.ts';
import { KubernetesApi } from '../kubernetes/api.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';
import { RateLimit } from '../kubernetes/rate-limit.ts';
import { resources } from '../kubernetes/resources.ts';
import { Leader } from '../leader.ts';
import { leaseEdge } from '../lease.ts';
import { OperatorMetrics, startOperatorAdmin } from '../operator-admin.ts';
import { realClock } from '../real-clock.ts';
import { UserError } from '../user-error.ts';

export interface OperatorArguments {
  /** The data centres to cover; absent: all. */
  readonly geoLocation?: readonly string[] | undefined;
  /** The namespaces whose SipClusters it makes; absent: all. */
  readonly namespace?: readonly string[] | undefined;
  /** Image of proxies whose manifest names none: the operator's own. */
  readonly image: string;
  readonly etcdImage: string;
  /** Namespace of the Lease; absent: the operator's own. */
  readonly leaseNamespace?: string | undefined;
  readonly context?: string | undefined;
  readonly adminPort: number;
  readonly logLevel: string;
}

/** By which one of several operators leads. */
export const leaseName = 'sipcluster-operator';
const crdName = 'sipclusters.sipcluster.io';

/**
 * The operator, until SIGTERM or SIGINT, or until it has lost its lease.
 * @returns the exit code: 0 after it ended in order, 1 when it has to be started again
 */
export async function runOperator(args: OperatorArguments): Promise<number> {
  const log = openLog({ level: args.logLevel, name: 'operator' });
  const config = new KubeConfig();
  config.loadFromDefault();
  if (args.context !== undefined) config.setCurrentContext(args.context);
  const end = new AbortController();
  const stop = (): void => end.abort();
  process.on('SIGTERM', stop).on('SIGINT', stop);

  const identity = `${process.env['POD_NAME'] ?? hostname()}_${randomUUID()}`;
  // The lease is written by those, too, that do not lead.
  const leasing = new KubernetesApi(config, {
    mayWrite: () => true,
    answered: (...answer) => metrics.answered(...answer),
  });
  const namespace =
    args.leaseNamespace ??
    process.env['POD_NAMESPACE'] ??
    config.getContextObject(config.getCurrentContext())?.namespace ??
    'default';
  const leader = new Leader({
    edge: leaseEdge(leasing, namespace, leaseName, Date.now),
    identity,
    clock: realClock,
    log,
  });
  const metrics = new OperatorMetrics({
    depth: () => controller.depth,
    leading: () => leader.leading,
    reported: () => controller.reported,
    statusAge: () => controller.statusAge,
  });
  const api = new KubernetesApi(config, {
    mayWrite: () => leader.leading,
    limit: new RateLimit(realClock, { perSecond: 50, burst: 100 }),
    answered: (...answer) => metrics.answered(...answer),
  });
  await checkCrd(api);
  const uid = await clusterUid(api);
  const controller = new Controller({
    api,
    uid,
    clock: realClock,
    wall: Date.now,
    log,
    instance: identity,
    reconciled: (...result) => metrics.reconciled(...result),
    ...(args.geoLocation !== undefined && { geoLocations: args.geoLocation }),
    ...(args.namespace !== undefined && { namespaces: args.namespace }),
    image: args.image,
    etcdImage: args.etcdImage,
  });

  // One that waits for the lease is as ready as can be.
  const admin = await startOperatorAdmin(args.adminPort, metrics, () => !leader.leading || controller.synced);
  log.info(
    { identity, geoLocations: args.geoLocation ?? 'all', namespaces: args.namespace ?? 'all' },
    'the operator waits for its lease',
  );
  await leader.acquire(end.signal);
  if (!end.signal.aborted) {
    controller.start();
    await leader.hold(end.signal);
    await controller.close();
  }
  const inOrder = end.signal.aborted;
  if (inOrder) await leader.release(AbortSignal.timeout(5000));
  await admin.close();
  api.close();
  leasing.close();
  process.off('SIGTERM', stop).off('SIGINT', stop);
  log.info(inOrder ? 'the operator ended' : 'the operator ends, to be started again: another may lead now');
  return inOrder ? 0 : 1;
}

/** By which this Kubernetes cluster is told from others: that of a namespace that lasts as long as it does. */
export async function clusterUid(api: KubernetesApi): Promise<string> {
  const name = 'kube-system';
  const uid = (await api.read(resources.Namespace, undefined, name))?.metadata.uid;
  if (uid === undefined) throw new UserError(`the cluster has no namespace ${name}, by whose uid it is known`);
  return uid;
}

/** An operator with an older CRD would have its fields dropped without a word. */
export async function checkCrd(api: KubernetesApi): Promise<void> {
  const ours = parse(readFileSync(new URL('../../crds/sipcluster.yaml', import.meta.url), 'utf8')) as KubernetesObject;
  const live = await api.read(resources.CustomResourceDefinition, undefined, crdName);
  const what =
    'helm upgrade --install sipcluster-crds charts/sipcluster-crds, or kubectl apply --server-side -f crds/sipcluster.yaml';
  if (live === undefined) throw new UserError(`the cluster has no CustomResourceDefinition ${crdName}: run ${what}`);
  const missing = missingFields(ours, live);
  if (missing.length > 0)
    throw new UserError(
      `the cluster's CustomResourceDefinition ${crdName} is older than this operator (it lacks ${missing.slice(0, 5).join(', ')}): run ${what}`,
    );
}
