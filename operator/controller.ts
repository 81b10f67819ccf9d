import type { Logger as Log } from 'pino';
import { answersOf, applyAll, together, type Applied } from './apply-all.ts';
import { orphans, type ApplyEdge } from './apply-kubernetes.ts';
import { groupFor } from './clusters.ts';
import type { Problem } from './conditions.ts';
import { deploymentStates } from './deployment-state.ts';
import { emptiedMembers, replaceMember } from './etcd-members.ts';
import { EtcdUpkeep, type EtcdMember } from './etcd-upkeep.ts';
import { Events, type EventEdge } from './events.ts';
import { happenings } from './happenings.ts';
import type { ApiError } from './kubernetes/api-error.ts';
import type { KubernetesApi } from './kubernetes/api.ts';
import type { KubernetesObject } from './kubernetes/object.ts';
import { resourceOf, resources } from './kubernetes/resources.ts';
import { claimedByOthers, exposedPorts, pendingAddresses, unreachableStores } from './facts.ts';
import { Observer } from './observe.ts';
import { LiveObjects, made } from './live-objects.ts';
import type { Facts } from './plan/facts.ts';
import { plan, type Plan } from './plan/plan.ts';
import { missingSecrets } from './missing-secrets.ts';
import { PodNotes } from './pod-notes.ts';
import { podTroubles } from './pod-trouble.ts';
import { annotation, manager } from './render/kubernetes/metadata.ts';
import { renderKubernetes } from './render/kubernetes/objects.ts';
import type { Place } from './render/kubernetes/place.ts';
import { advertised, configurationLag, type Observed } from './observed.ts';
import { resourceStatus } from './resource-status.ts';
import { changingShards, endingShards, waitingShards } from './roll.ts';
import type { SipCluster } from './sip-cluster.ts';
import { Secrets } from './secrets.ts';
import { etcdMembers, storeAccess } from './store-access.ts';
import { StatusWriter } from './status-writer.ts';
import { withOwnSecrets } from './store-certificates.ts';
import type { Clock } from './watch.ts';
import { Workers, type Worked } from './workers.ts';

export interface ControllerOptions {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  /** ms since the epoch, for what people read. */
  readonly wall: () => number;
  readonly log: Log;
  /** Of the Kubernetes cluster. */
  readonly uid: string;
  /** Which operator this is, for Events. */
  readonly instance: string;
  /** The data centres to cover, and the namespaces; absent: all. */
  readonly geoLocations?: readonly string[];
  readonly namespaces?: readonly string[];
  readonly image: string;
  readonly etcdImage: string;
  /** Told of every reconcile: for metrics. */
  readonly reconciled?: Worked;
}

/** ms for which changes are gathered, to be looked at together. */
const gather = { made: 50, observed: 2000 } as const;
/** ms after which a resource is looked at again though nothing was heard of it. */
const again = { unjudged: 500, unsettled: 5000, settled: 300_000 } as const;

/** Makes the cluster be as each SipCluster says, and says in its status how far that is. */
export class Controller {
  readonly #options: ControllerOptions;
  readonly #workers: Workers;
  readonly #observer: Observer;
  readonly #events: Events;
  readonly #pods: PodNotes;
  readonly #secrets: Secrets;
  readonly #status: StatusWriter;
  readonly #upkeep: EtcdUpkeep;
  readonly #edge: ApplyEdge;
  readonly #live: LiveObjects;
  readonly #rendered = new Map<string, { from: string; plan: Plan; objects: KubernetesObject[] }>();

  constructor(options: ControllerOptions) {
    const { api, clock, log, uid, reconciled: worked } = options;
    this.#options = options;
    this.#workers = new Workers({
      clock,
      log,
      count: 4,
      work: (key) => this.#reconcile(key),
      ...(worked && { worked }),
    });
    this.#live = new LiveObjects({
      api,
      clock,
      log,
      ...(options.namespaces && { namespaces: options.namespaces }),
      synced: () => this.#workers.start(),
      clusterChanged: (key) => this.#workers.renew(key),
      ownedChanged: (key) => this.#workers.add(key, gather.made),
    });
    this.#observer = new Observer({ log, clock, uid, changed: (key) => this.#workers.add(key, gather.observed) });
    const events: EventEdge = {
      create: (event) => api.create(event),
      patch: (namespace, name, change) => api.patch(resources.Event, namespace, name, change, manager),
    };
    this.#events = new Events(events, options.instance, log);
    this.#pods = new PodNotes(api, clock);
    this.#secrets = new Secrets(api, clock, log);
    this.#status = new StatusWriter(api, clock);
    this.#upkeep = new EtcdUpkeep(clock, log);
    this.#edge = {
      read: (object) => api.read(resourceOf(object), object.metadata.namespace, object.metadata.name),
      apply: (object) => api.apply(object, manager),
      remove: (object) => api.remove(object),
    };
  }

  /** Every watch has its first list: what is missing now is missing. */
  get synced(): boolean {
    return this.#live.synced;
  }

  get depth(): number {
    return this.#workers.depth;
  }

  /** SipClusters whose status was found to be true, or written, by this operator. */
  get reported(): number {
    return this.#status.known;
  }

  /** How long ago the status that was looked at least lately was known to be true, s. */
  get statusAge(): number {
    return this.#status.age / 1000;
  }

  /** Follows the cluster; nothing is decided before everything has been listed once. */
  start(): void {
    this.#live.start();
  }

  async close(): Promise<void> {
    this.#workers.stop();
    await this.#live.close();
    this.#observer.close();
  }

  /** One SipCluster, from what is wanted to what its status says. Rejects if it has to be tried again. */
  async #reconcile(key: string): Promise<void> {
    const cluster = this.#live.clusters.get(key);
    if (cluster === undefined || cluster.metadata.deletionTimestamp !== undefined) return this.#forget(key);
    const { geoLocations, wall } = this.#options;
    const place = this.#place(cluster);
    const group = groupFor(cluster);
    const facts = this.#facts(group);
    const deployment = (name: string): KubernetesObject | undefined => this.#live.owned.find(group, 'Deployment', name);

    // What should be.
    const problems: Problem[] = [
      ...unreachableStores(cluster, facts),
      ...claimedByOthers(cluster, this.#observer.views(key)),
    ];
    const mayChange = !cluster.spec.paused && problems.length === 0;
    const failures: ApiError[] = [];
    if (mayChange) {
      failures.push(...(await answersOf(() => this.#secrets.makeAdmin(place))));
      failures.push(...(await answersOf(() => this.#secrets.make(cluster, geoLocations, place, wall()))));
    }
    const { plan: planned, objects } = this.#render(key, cluster, place, facts);
    const access = await storeAccess(planned, place.namespace, (name) => this.#secrets.read(place.namespace, name));
    const missing = await missingSecrets(planned, (name) => this.#secrets.exists(place.namespace, name));
    problems.push(...access.problems, ...missing.problems);

    // What is.
    this.#observer.follow(key, access.targets);
    const views = this.#observer.views(key);
    const addressPending = pendingAddresses(planned);
    // What can't begin keeps nobody waiting.
    const changing = changingShards(objects, deployment).difference(new Set(missing.shards));
    const states = deploymentStates(planned.shards, deployment);
    const waiting = waitingShards(planned.shards, states, changing, endingShards(this.#live.owned.of(group), wall()));

    // From the one to the other, once nobody else is known to run it.
    if (views.some(({ claim }) => claim === 'Unknown')) return this.#workers.add(key, again.unjudged);
    if (mayChange) {
      const held = new Set([...waiting, ...addressPending, ...missing.shards]);
      const wanted = objects.filter(({ kind, metadata }) => kind !== 'Deployment' || !held.has(metadata.name));
      const applied = await this.#apply(cluster, group, wanted);
      problems.push(...applied.problems);
      failures.push(...applied.failures);
      // Never after an error: what was not made may be what takes the place of an orphan.
      if (failures.length === 0 && problems.every(({ reason }) => reason !== 'Refused'))
        await this.#prune(cluster, group, objects);
      for (const [name, members] of etcdMembers(planned, access.targets, place.namespace)) {
        void this.#upkeep.tend(`${place.namespace}/${name}`, members); // never rejects
        failures.push(...(await answersOf(() => this.#replaceEmptied(group, name, members))));
      }
      failures.push(...(await answersOf(() => this.#pods.write(planned.shards, this.#live.owned.of(group), views))));
    }

    // What to say of it.
    const deployments = deploymentStates(planned.shards, deployment);
    const troubles = podTroubles(this.#live.owned.of(group));
    await this.#report(key, cluster, {
      plan: planned,
      deployments,
      views,
      problems,
      addressPending,
      waiting,
      troubles,
    });
    const failed = together(failures);
    if (failed !== undefined) throw failed;
    const lagging = planned.shards.some((shard) => configurationLag(shard, views).behind.length > 0);
    const unsettled = lagging || waiting.length > 0 || missing.shards.length > 0;
    this.#workers.add(key, unsettled ? again.unsettled : again.settled);
  }

  /** Plan and objects, made again only when something that they depend on has changed. */
  #render(key: string, cluster: SipCluster, place: Place, facts: Facts): { plan: Plan; objects: KubernetesObject[] } {
    const { metadata } = cluster;
    const known = this.#rendered.get(key);
    const views = this.#observer.views(key);
    const addresses = new Map((known?.plan.shards ?? []).map((shard) => [shard.name, advertised(shard, views)]));
    const from = JSON.stringify([metadata.uid, metadata.generation, facts, [...addresses]]);
    if (known?.from === from) return known;
    const planned = plan(withOwnSecrets(cluster, this.#options.geoLocations), facts);
    const rendered = { from, plan: planned, objects: renderKubernetes(planned, place, addresses) };
    this.#rendered.set(key, rendered);
    return rendered;
  }

  async #apply(cluster: SipCluster, group: string, wanted: readonly KubernetesObject[]): Promise<Applied> {
    const live = ({ kind, metadata }: KubernetesObject) => this.#live.owned.find(group, kind, metadata.name);
    const applied = await applyAll(wanted, live, cluster.metadata.uid ?? '', this.#edge);
    for (const line of applied.done) this.#options.log.info(line);
    for (const { type, reason, note } of applied.happenings) this.#tell(cluster, type, reason, note);
    return applied;
  }

  async #prune(cluster: SipCluster, group: string, objects: readonly KubernetesObject[]): Promise<void> {
    const live = this.#live.owned.of(group).filter(({ kind }) => made.some((resource) => resource.kind === kind));
    for (const orphan of orphans(live, objects, cluster.metadata.uid ?? '', this.#options.geoLocations)) {
      await this.#edge.remove(orphan);
      this.#tell(
        cluster,
        'Normal',
        'Pruned',
        `${orphan.kind} ${orphan.metadata.name} is deleted: nothing wants it any more`,
      );
    }
  }

  /** Members of an etcd whose volume is gone, one a reconcile: the others must have a quorum each time. */
  async #replaceEmptied(group: string, store: string, members: readonly EtcdMember[]): Promise<void> {
    const [pod] = emptiedMembers(this.#live.owned.of(group), store);
    if (pod === undefined || members.length < 2) return;
    const { name, namespace = '' } = pod.metadata;
    const { api, log } = this.#options;
    try {
      await replaceMember({ store, namespace, pod: name, members }, log);
    } catch (error) {
      return log.warn({ err: error, store, member: name }, 'a member whose data is gone could not be added again yet');
    }
    const change = { metadata: { annotations: { [annotation.clusterState]: 'existing' } } };
    await api.patch(resources.Pod, namespace, name, change, manager);
  }

  async #report(key: string, cluster: SipCluster, observed: Observed): Promise<void> {
    // A new leader that has not read it yet would take back what the one before has said.
    if (!observed.views.every(({ judged }) => judged)) return this.#workers.add(key, again.unjudged);
    const status = resourceStatus(cluster, observed, this.#options.wall());
    const written = await this.#status.write(key, cluster, status);
    if (written === undefined) return;
    if (typeof written === 'number') return this.#workers.add(key, written);
    for (const { type, reason, note } of happenings(cluster.status, status)) this.#tell(cluster, type, reason, note);
    // What the next reconcile compares with, should the watch be behind.
    if (this.#live.clusters.get(key) === cluster)
      this.#live.clusters.put(key, { ...cluster, ...(written.status && { status: written.status }) });
  }

  #facts(group: string): Facts {
    const { geoLocations, image } = this.#options;
    return {
      image,
      ...(geoLocations !== undefined && { geoLocations }),
      exposed: exposedPorts(this.#live.owned.of(group)),
    };
  }

  #place({ metadata }: SipCluster): Place {
    const { image, etcdImage } = this.#options;
    return {
      namespace: metadata.namespace ?? '',
      owner: { name: metadata.name, uid: metadata.uid ?? '' },
      image,
      etcdImage,
    };
  }

  #tell(
    cluster: SipCluster,
    type: 'Normal' | 'Warning',
    reason: Parameters<Events['tell']>[1]['reason'],
    note: string,
  ): void {
    this.#events.tell(cluster as unknown as KubernetesObject, { type, reason, note }, this.#options.wall());
  }

  #forget(key: string): void {
    this.#observer.forget(key);
    this.#rendered.delete(key);
    this.#status.forget(key);
  }
}
