/** What the objects of one SipCluster in one Kubernetes cluster have in common. */
export interface Place {
  readonly namespace: string;
  /** The SipCluster, which owns them all. */
  readonly owner: { readonly name: string; readonly uid: string };
  /** The operator's own image, for proxies whose manifest names none. */
  readonly image: string;
  /** The version of etcd that this operator was tested with. */
  readonly etcdImage: string;
}
