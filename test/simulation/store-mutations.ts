import { callRules, each, wrap, type Mutation } from './planting.ts';

/** What else may differ where news is lost. */
const replicaRules = ['CallsDiffer', 'CallNotForgotten', 'KeysDiffer', 'HealthUnknown', 'NotStored'];

/** Bugs in what goes to the stores and comes from there. */
export const storeMutations: readonly Mutation[] = [
  {
    name: 'presence is written without its lease',
    found: ['DeadProxyKnown'],
    faults: ['proxyKilled'],
    plant: ({ stores }) => each(stores, ({ wrong }) => (wrong.forgetsLease = true)),
  },
  {
    name: 'leases end before what is under them',
    found: ['NotStored', 'ReplicasDiffer', 'Forgotten', ...callRules, ...replicaRules],
    faults: ['proxyRestarted', 'proxyKilled'],
    plant: ({ stores }) => each(stores, ({ wrong }) => (wrong.leasesEndEarly = true)),
  },
  {
    name: 'the watch loses an event now and then',
    found: ['ReplicasDiffer', 'Forgotten', 'BackFromTheDead', 'ProxyUnknown', ...callRules, ...replicaRules],
    plant: ({ stores }, world) => each(stores, ({ wrong }) => (wrong.skips = () => world.proxyRandom.chance(0.02))),
  },
  {
    name: 'the store is not listed again after compaction',
    found: ['ReplicasDiffer', 'Forgotten', 'BackFromTheDead', 'ProxyUnknown', ...callRules, ...replicaRules],
    faults: ['storeCut'],
    plant: ({ stores }) => each(stores, ({ wrong }) => (wrong.neverListsAgain = true)),
  },
  {
    name: 'a store that was set back is taken for the one it was',
    found: ['ReplicasDiffer', 'Forgotten', 'ProxyUnknown', ...callRules, ...replicaRules],
    faults: ['storeSetBack'],
    plant: ({ stores }) => each(stores, ({ wrong }) => (wrong.resumesWhatWasSetBack = true)),
  },
  {
    name: 'what an emptied store lost is written again by its own proxies alone',
    found: ['NotStored', 'ReplicasDiffer', 'Forgotten', ...replicaRules],
    faults: ['storeLost', 'proxiesRolled'],
    plant: ({ stores: [, ...others] }) => each(others, ({ wrong }) => (wrong.takesAnyForTheOldOne = true)),
  },
  {
    name: "another data centre's store is not followed",
    found: ['NotComplete', 'ReplicasDiffer', 'Forgotten', 'ProxyUnknown', ...callRules, ...replicaRules],
    plant: ({ stores: [, ...others] }) => each(others, (store) => wrap(store, 'follow', () => () => undefined)),
  },
  {
    name: 'a proxy does not say that it is there',
    found: ['ProxyUnknown', ...callRules, ...replicaRules],
    plant: ({ replica }) => wrap(replica, 'publishProxy', () => () => undefined),
  },
  {
    name: 'health is not published',
    found: ['HealthUnknown', 'SwitchedLate', ...callRules],
    plant: ({ replica }) => wrap(replica, 'publishHealth', () => () => undefined),
  },
  {
    name: 'a refresh of a binding is not written',
    found: ['NotStored', 'ReplicasDiffer', 'Forgotten', ...callRules],
    plant: ({ stores }) =>
      each(stores, (store) => {
        const written = new Set<string>();
        wrap(store, 'put', (put) => (key, value, life) => {
          if (key.startsWith('binding/') && written.has(key)) return Promise.resolve();
          written.add(key);
          return put(key, value, life);
        });
      }),
  },
  {
    name: 'token keys are not copied from one data centre to the other',
    found: ['NotStored', 'KeysDiffer', ...callRules],
    plant: ({ stores }) =>
      each(stores, (store) =>
        wrap(store, 'create', (create) => (key, value, life) => {
          const isCopy = key.startsWith('key/') && !key.startsWith(`key/${store.geoLocation}/`);
          return isCopy ? Promise.resolve(true) : create(key, value, life);
        }),
      ),
  },
  {
    name: 'calls never end',
    found: ['CallNotForgotten', 'CallsDiffer'],
    plant: ({ replica }) => wrap(replica, 'endCall', () => () => undefined),
  },
  {
    name: "one proxy's calls never end",
    found: ['CallNotForgotten', 'CallsDiffer'],
    plant: ({ replica, place }) => {
      if (place.name === 'p12') wrap(replica, 'endCall', () => () => undefined);
    },
  },
  {
    name: 'what a proxy is told of calls it does not read',
    found: ['CallsDiffer', 'CallNotForgotten', ...callRules],
    plant: ({ stores }) =>
      each(stores, (store) =>
        wrap(store, 'follow', (follow) => (follower) => {
          wrap(follower, 'put', (put) => (key, value) => void (key.startsWith('call/') || put(key, value)));
          follow(follower);
        }),
      ),
  },
  {
    name: 'a call is remembered under a hundred names',
    found: ['Unbounded'],
    plant: ({ replica }) =>
      wrap(replica, 'saveCall', (saveCall) => (record) => {
        for (let i = 0; i < 100; i++)
          saveCall({ ...record, callId: i === 0 ? record.callId : `${record.callId} ${i}` });
      }),
  },
];
