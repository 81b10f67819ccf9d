import type { CallProperties } from '@grpc/grpc-js';
import { Etcd3, type ITxnRequest, type ITxnResponse } from 'etcd3';
import type { GroupedWrites, Write } from '../../../proxy/store/etcd-txn.ts';

type TxnCall = CallProperties<ITxnRequest, ITxnResponse>;

/** The call that etcd3 makes for a transaction, with its general encoder and decoder. Nothing is sent. */
export async function generalTxn(): Promise<TxnCall> {
  const made = Promise.withResolvers<TxnCall>();
  const client = new Etcd3({
    hosts: 'http://127.0.0.1:1',
    grpcOptions: {
      callInvocationTransformer: (call: TxnCall): never => {
        made.resolve(call);
        throw new Error('not sent');
      },
    },
  });
  await client.kv.txn({}).catch(() => undefined);
  client.close();
  return made.promise;
}

/** The same as objects of etcd3. */
export function asObjects({ prefix, writes }: GroupedWrites): ITxnRequest {
  return { success: writes.map((write) => asObject(Buffer.from(prefix + write.key), write)) };
}

function asObject(key: Buffer, { kind, value, held, lease }: Write): NonNullable<ITxnRequest['success']>[number] {
  const put = { request_put: { key, value: Buffer.from(value), lease } };
  const remove = { request_delete_range: { key } };
  if (kind === 'put') return put;
  if (kind === 'create') {
    const isAbsent = { target: 'Create', result: 'Equal', key, create_revision: 0 } as const;
    return { request_txn: { compare: [isAbsent], success: [put], failure: [{ request_range: { key } }] } };
  }
  if (held === undefined) return remove;
  const isHeld = { target: 'Value', result: 'Equal', key, value: Buffer.from(held) } as const;
  return { request_txn: { compare: [isHeld], success: [remove], failure: [] } };
}
