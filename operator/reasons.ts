/** Reasons for which nothing can be made of a manifest as it is written, or not all. What runs goes on in each of these. */
const wrong = {
  EtcdNotReachableFromOtherClusters:
    'the operator is told its data centres, and a managed etcd has no `managed.endpoints` or no `tlsSecretName` by which the other clusters could reach it',
  GeoLocationConflict:
    'an operator in another Kubernetes cluster runs this data centre: its `owner/` key is in that etcd, under a lease',
  SecretMissing: 'a Secret that a listener or a member names is not there: the proxies that need it wait',
  NameConflict: 'there is an object of this name that is not ours: it is left alone, and the rest is made',
  Refused: 'the API server takes an object for wrong, as with a template that contradicts itself',
  ConfigurationRefused: 'running proxies refuse the configuration, and go on with the one before',
  CertificateRefused: 'proxies refuse a certificate or its key; those that run go on with the one before',
} as const;
const configuration = { Valid: 'it can be made as it is written', ...wrong } as const;

/**
 * What each condition says, and why it may be as it is, with what that means. The lists are closed, since programs go by
 * them: docs/conditions.md is made of this one.
 */
export const conditionReasons = {
  Ready: {
    says: "this cluster's proxies are placed, ready, and run the configuration of `observedGeneration`; no outage of a SIP Server, an etcd or another data centre turns it False",
    reasons: {
      ProxiesReady: 'all are',
      ProxiesNotReady: 'some are not up yet, or not of the newest template; the message has what keeps a pod from it',
      PortsTaken: 'HostNetwork: on no node are the ports of the listeners free',
      AddressPending: 'the load balancer has no address yet, or the Service no node port',
      ConfigurationSpreading: 'some do not run the newest configuration yet',
      ...wrong,
    },
  },
  Reconciling: {
    says: 'something is under way; there only while it is True',
    reasons: {
      Rolling: 'proxies are replaced, or made',
      ConfigurationSpreading: 'running proxies take a changed configuration',
    },
  },
  Stalled: {
    says: 'it goes no further by itself; there only while it is True',
    reasons: { RollStuck: 'a Deployment makes no progress: the shards after it wait', ...wrong },
  },
  ConfigurationValid: { says: 'the manifest can be honoured', reasons: configuration },
  StoreAvailable: {
    says: 'the etcd of every data centre that this operator covers is read and written by it',
    reasons: {
      Reached: 'it is',
      Unreachable: 'nobody answers at its endpoints, or not with the right certificate',
      NotYetReached: 'the operator has just begun (Unknown)',
      SecretMissing: 'a Secret of its TLS or user is not there',
      SecretIncomplete: 'one lacks a key, as `tls.crt` or `username`',
      SecretUnreadable: 'one could not be read from the API server',
      Unauthenticated: 'etcd refuses the user, or asks for one',
      NoSpace: 'its quota is used up: it takes no writes until it has been compacted and defragmented',
      Deadline: 'it did not answer in time',
      Refused: 'it answered with an error',
    },
  },
  ServersAvailable: {
    says: 'every pair of SIP Servers has a member in service',
    reasons: {
      PairsInService: 'each has',
      PairsOutOfService: 'some have none',
      DualPrimary: 'both members of a pair say that they are in service',
      HostNotResolved: 'DNS gives no address for the host of a member',
      NotObserved: 'no proxy has said yet (Unknown)',
    },
  },
  RecordRouteByAddress: {
    says: 'calls do not outlive the proxy that they were set up through; there only while it is True',
    reasons: { NoFqdn: 'a DN has neither `fqdn.srv` nor `fqdn.a`' },
  },
} as const;

/** Events of a SipCluster, and what each tells of. */
export const eventReasons = {
  PairSwitched: 'work of a pair goes to its other member',
  PairOutOfService: 'no member of a pair is in service',
  PairInService: 'one is again',
  DualPrimary: 'both members of a pair say that they are in service',
  StoreLost: '`StoreAvailable` became False',
  StoreBack: 'it became True again',
  RollStarted: 'proxies are being replaced',
  RollDone: 'they have been',
  Repaired: 'somebody changed a field that is ours, and it was put back; the Event names who',
  NameConflict: 'there is an object of that name that is not ours',
  Pruned: 'an object was deleted that nothing wants any more',
} as const;
