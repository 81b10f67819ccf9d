import { createHash } from 'node:crypto';
import type { Etcd3 } from 'etcd3';
import { etcdClient, type EtcdClientOptions } from '../proxy/store/etcd-client.ts';

/** A share in the connection to one etcd. */
export interface EtcdConnection {
  readonly client: Etcd3;
  /** To be called once; the connection ends with the last share. */
  release(): void;
}

/** One connection to each etcd, whoever follows something there: hundreds of SipClusters may keep their data in one. */
export class EtcdConnections {
  readonly #open = new Map<string, { readonly client: Etcd3; shares: number }>();

  /** How many there are. */
  get size(): number {
    return this.#open.size;
  }

  take(access: EtcdClientOptions): EtcdConnection {
    const id = accessId(access);
    const connection = this.#open.get(id) ?? { client: etcdClient(access), shares: 0 };
    connection.shares += 1;
    this.#open.set(id, connection);
    return {
      client: connection.client,
      release: () => {
        connection.shares -= 1;
        if (connection.shares > 0) return;
        this.#open.delete(id);
        connection.client.close();
      },
    };
  }
}

/** Equal for equal endpoints, certificates and credentials. */
export function accessId({ endpoints, tls, auth }: EtcdClientOptions): string {
  const hash = createHash('sha256');
  const parts = [...endpoints, '', tls?.ca, tls?.cert, tls?.key, auth?.username, auth?.password];
  for (const part of parts) hash.update(`${part?.length ?? -1}:`).update(part ?? '');
  return hash.digest('base64');
}
