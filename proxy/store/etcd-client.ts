import { InterceptingCall, type Interceptor } from '@grpc/grpc-js';
import {
  ClientClosedError,
  Etcd3,
  EtcdAuthenticationFailedError,
  EtcdError,
  EtcdInvalidAuthTokenError,
  EtcdLeaseInvalidError,
  EtcdPermissionDeniedError,
  GRPCDeadlineExceededError,
  GRPCFailedPreconditionError,
  GRPCInvalidArgumentError,
  GRPCNotFoundError,
  GRPCOutOfRangeError,
  GRPCUnauthenticatedError,
} from 'etcd3';
import { limitConnecting } from './connect-limit.ts';
import { EtcdHosts, isLearners, noRetry } from './etcd-hosts.ts';
import { byHand } from './etcd-wire.ts';
import { StoreError } from './store.ts';

export interface EtcdClientOptions {
  /** `http://` or `https://`, host and port. */
  readonly endpoints: readonly string[];
  /** PEM. */
  readonly tls?: { readonly ca: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
  readonly auth?: { readonly username: string; readonly password: string };
}

/** How long one call may take, ms. */
export const CALL_DEADLINE = 2000;

export function etcdClient(options: EtcdClientOptions): Etcd3 {
  const { endpoints, tls, auth } = options;
  const members = new EtcdHosts(endpoints.length);
  limitConnecting(endpoints.map(portOf));
  return new Etcd3({
    hosts: [...endpoints],
    ...(tls === undefined
      ? {}
      : {
          credentials: {
            rootCertificate: tls.ca,
            ...(tls.cert === undefined || tls.key === undefined ? {} : { certChain: tls.cert, privateKey: tls.key }),
          },
        }),
    ...(auth === undefined ? {} : { auth: { username: auth.username, password: auth.password } }),
    grpcOptions: {
      // a link that was cut without a word is noticed in 15 s; etcd ends connections that are kept alive for no call
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 5000,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1000,
      // etcd itself bounds what it sends: a page, or a fragment of 2 MiB and an event
      'grpc.max_receive_message_length': 64 << 20,
      // a page comes in one go, and not in as many turns of the event loop as it has times 64 KiB
      'grpc-node.flow_control_window': 4 << 20,
      // nobody asks gRPC how its channels are, which it would count at each call
      'grpc.enable_channelz': 0,
      callInvocationTransformer: byHand,
      ...(auth === undefined ? {} : { interceptors: [renewsToken] }),
    },
    // gRPC compares deadlines with the real clock
    defaultCallOptions: (context) => (context.isStream ? {} : { deadline: Date.now() + CALL_DEADLINE }),
    faultHandling: { global: noRetry, host: (host) => members.policy(host) },
  });
}

/**
 * A JWT names the state of users and roles that it was given under, and is refused once anything of those was changed,
 * as is any token for a request that was on its way then. etcd3 gets another token only for what it knows as invalid.
 */
const renewsToken: Interceptor = (options, nextCall) =>
  new InterceptingCall(nextCall(options), {
    start(metadata, _listener, next) {
      next(metadata, {
        onReceiveStatus(status, pass) {
          const isOld = status.details.includes('revision of auth store is old');
          pass(isOld ? { ...status, details: 'etcdserver: invalid auth token' } : status);
        },
      });
    },
  });

/** A member that lost its quorum must end the watch rather than go on in silence. */
export const requireLeader: Interceptor = (options, nextCall) =>
  new InterceptingCall(nextCall(options), {
    start(metadata, listener, next) {
      metadata.set('hasleader', 'true');
      next(metadata, listener);
    },
  });

/** As gRPC takes an address without a port. */
function portOf(endpoint: string): number {
  return Number(/:(\d+)\/?$/.exec(endpoint)?.[1] ?? 443);
}

/** What went wrong while `doing`, with a reason that a user can act on. */
export function storeError(error: unknown, doing: string): StoreError {
  if (error instanceof StoreError) return error;
  const said = error instanceof Error ? error.message : String(error);
  return new StoreError(reasonOf(error, said), `${doing}: ${said}`, { cause: error });
}

function reasonOf(error: unknown, said: string): string {
  if (said.includes('database space exceeded')) return 'NoSpace';
  if (UNAUTHENTICATED.some((type) => error instanceof type) || /authentication|user name is empty/.test(said))
    return 'Unauthenticated';
  if (error instanceof GRPCDeadlineExceededError) return 'Deadline';
  if (error instanceof ClientClosedError) return 'Closed';
  // another member takes the same request
  if (isLearners(error)) return 'Unreachable';
  if (REFUSED.some((type) => error instanceof type) || said.includes('larger than max')) return 'Refused';
  return 'Unreachable';
}

const UNAUTHENTICATED = [
  EtcdAuthenticationFailedError,
  EtcdInvalidAuthTokenError,
  EtcdPermissionDeniedError,
  GRPCUnauthenticatedError,
];
/** The same request would be refused again. */
const REFUSED = [
  EtcdError,
  EtcdLeaseInvalidError,
  GRPCInvalidArgumentError,
  GRPCFailedPreconditionError,
  GRPCNotFoundError,
  GRPCOutOfRangeError,
];

/** The range of all keys that begin with `prefix`, which ends in a character below U+007F. */
export function rangeOf(prefix: string): { key: Buffer; range_end: Buffer } {
  const key = Buffer.from(prefix);
  const end = Buffer.from(prefix);
  const last = end.length - 1;
  end.writeUInt8(end.readUInt8(last) + 1, last);
  return { key, range_end: end };
}
