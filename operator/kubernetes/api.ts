import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import type { KubeConfig } from '@kubernetes/client-node';
import type { ListPage, WatchSource } from '../watch.ts';
import { ApiError } from './api-error.ts';
import { isRecord, type KubernetesObject } from './object.ts';
import type { RateLimit } from './rate-limit.ts';
import { pathOf, resourceOf, resources, type Resource } from './resources.ts';

/** How long one call may take, ms. */
const callTime = 30_000;
/** How long the server keeps a watch open, s: ours are ended by it, in order, before anything between drops them. */
const watchTime = 290;
const pageSize = 500;

interface Call {
  /** What the API's access rules call it. */
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'apply' | 'delete';
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

export interface ApiOptions {
  /** Asked before every call that changes something: false refuses it here. */
  readonly mayWrite: () => boolean;
  /** Every call but watches waits for its turn; absent: none does. */
  readonly limit?: RateLimit;
  /** Told of every answer, for metrics: `apply` is server-side apply, `what` the resource in the plural, with `/status`. */
  readonly answered?: (verb: Call['verb'], what: string, status: number) => void;
}

/**
 * The Kubernetes API as far as the operator uses it. It takes from client-node how to reach a cluster and who to be there
 * (kubeconfig, service account, exec plugins); its requests are our own, since client-node's open a connection each.
 */
export class KubernetesApi {
  readonly #config: KubeConfig;
  readonly #options: ApiOptions;
  /** Connections are kept for one another; a renewed certificate or CA gets new ones. */
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });

  constructor(config: KubeConfig, options: ApiOptions) {
    this.#config = config;
    this.#options = options;
  }

  async read(
    resource: Resource,
    namespace: string | undefined,
    name: string,
    signal?: AbortSignal,
  ): Promise<KubernetesObject | undefined> {
    try {
      return await this.#object(resource, {
        verb: 'get',
        method: 'GET',
        path: pathOf(resource, namespace, name),
        ...(signal && { signal }),
      });
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Whether there is such an object: what is in it stays with the API server. */
  async exists(resource: Resource, namespace: string | undefined, name: string): Promise<boolean> {
    const accept = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io';
    const path = pathOf(resource, namespace, name);
    try {
      await this.#object(resource, { verb: 'get', method: 'GET', path, headers: { accept } });
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return false;
      throw error;
    }
  }

  /** Server-side apply, forced. With `subresource` only that part of the object. */
  apply(
    object: KubernetesObject,
    fieldManager: string,
    subresource = '',
    resource = resourceOf(object),
  ): Promise<KubernetesObject> {
    const path = pathOf(resource, object.metadata.namespace, object.metadata.name) + subresource;
    const call: Call = {
      verb: 'apply',
      method: 'PATCH',
      path,
      query: { fieldManager, force: 'true' },
      contentType: 'application/apply-patch+yaml',
      body: object,
    };
    return this.#object(resource, call, subresource);
  }

  /** JSON merge patch (RFC 7386). */
  patch(
    resource: Resource,
    namespace: string,
    name: string,
    body: unknown,
    fieldManager: string,
  ): Promise<KubernetesObject> {
    return this.#object(resource, {
      verb: 'patch',
      method: 'PATCH',
      path: pathOf(resource, namespace, name),
      query: { fieldManager },
      contentType: 'application/merge-patch+json',
      body,
    });
  }

  create(object: KubernetesObject, signal?: AbortSignal): Promise<KubernetesObject> {
    const resource = resourceOf(object);
    return this.#object(resource, {
      verb: 'create',
      method: 'POST',
      path: pathOf(resource, object.metadata.namespace),
      body: object,
      ...(signal && { signal }),
    });
  }

  /** Rejects with 409 if it was changed since `object` was read. */
  replace(object: KubernetesObject, signal?: AbortSignal): Promise<KubernetesObject> {
    const resource = resourceOf(object);
    return this.#object(resource, {
      verb: 'update',
      method: 'PUT',
      path: pathOf(resource, object.metadata.namespace, object.metadata.name),
      body: object,
      ...(signal && { signal }),
    });
  }

  /** Deletes that very object; one that is gone already is fine. */
  async remove(object: KubernetesObject): Promise<void> {
    const resource = resourceOf(object);
    const path = pathOf(resource, object.metadata.namespace, object.metadata.name);
    const body = { propagationPolicy: 'Background', preconditions: { uid: object.metadata.uid } };
    try {
      await this.#object(resource, { verb: 'delete', method: 'DELETE', path, body });
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
    }
  }

  /** GET of a pod's path by way of the API server; resolves to the JSON that it is answered with. */
  ask(path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<unknown> {
    return this.#call('pods/proxy', { verb: 'get', method: 'GET', path, headers, signal });
  }

  /** Has a pod deleted unless its PodDisruptionBudget forbids that: then it rejects with 429. */
  async evict(namespace: string, name: string): Promise<void> {
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
    const path = `${pathOf(resources.Pod, namespace, name)}/eviction`;
    await this.#call('pods/eviction', { verb: 'create', method: 'POST', path, body });
  }

  /** One kind, in one namespace or in all, to list and watch. */
  source(resource: Resource, namespace: string | undefined, labelSelector?: string): WatchSource {
    const path = pathOf(resource, namespace);
    const selected: Record<string, string> = labelSelector === undefined ? {} : { labelSelector };
    return {
      list: async (from, signal) => {
        const query = { ...selected, limit: String(pageSize), ...(from !== undefined && { continue: from }) };
        return page(resource, await this.#call(resource.plural, { verb: 'list', method: 'GET', path, query, signal }));
      },
      watch: (resourceVersion, event, signal) => {
        const query = {
          ...selected,
          watch: 'true',
          allowWatchBookmarks: 'true',
          resourceVersion,
          timeoutSeconds: String(watchTime),
        };
        return this.#watch(resource.plural, { verb: 'watch', method: 'GET', path, query, signal }, event);
      },
    };
  }

  close(): void {
    this.#agent.destroy();
  }

  async #object(resource: Resource, call: Call, subresource = ''): Promise<KubernetesObject> {
    return (await this.#call(resource.plural + subresource, call)) as KubernetesObject;
  }

  async #call(what: string, call: Call): Promise<unknown> {
    this.#mustLead(call);
    await this.#options.limit?.admit(call.verb === 'delete');
    // It may have waited.
    this.#mustLead(call);
    const signal = AbortSignal.any([AbortSignal.timeout(callTime), ...(call.signal ? [call.signal] : [])]);
    const response = await this.#send(call, signal);
    const text = await bodyOf(response);
    this.#options.answered?.(call.verb, what, response.statusCode ?? 0);
    const value = json(text);
    if ((response.statusCode ?? 0) >= 300) throw refusal(call, response, value ?? text);
    if (value === undefined) throw new ApiError(0, 'BadAnswer', `${call.method} ${call.path}: the answer is no JSON`);
    return value;
  }

  #mustLead({ method, path }: Call): void {
    if (method !== 'GET' && !this.#options.mayWrite())
      throw new ApiError(0, 'NotLeading', `${method} ${path}: not sent, since this operator does not lead`);
  }

  async #watch(
    what: string,
    call: Call & { signal: AbortSignal },
    event: (type: string, object: unknown) => void,
  ): Promise<void> {
    const response = await this.#send(call, call.signal);
    this.#options.answered?.(call.verb, what, response.statusCode ?? 0);
    if (response.statusCode !== 200) {
      const text = await bodyOf(response);
      throw refusal(call, response, json(text) ?? text);
    }
    for await (const line of lines(response)) {
      const value = json(line);
      if (!isRecord(value) || typeof value['type'] !== 'string')
        throw new ApiError(0, 'BadEvent', `${call.path}: an event of the watch is no JSON`);
      event(value['type'], value['object']);
    }
  }

  async #send(
    { method, path, query, contentType, body, headers: more }: Call,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const server = this.#config.getCurrentCluster()?.server;
    if (server === undefined) throw new ApiError(0, 'NoCluster', 'the kubeconfig names no cluster');
    const url = new URL(server.replace(/\/$/, '') + path);
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
    const options: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      ...(options.headers as Record<string, string> | undefined),
      accept: 'application/json',
      'user-agent': 'sipcluster-operator',
      ...more,
      ...(text !== undefined && {
        'content-type': contentType ?? 'application/json',
        'content-length': String(Buffer.byteLength(text)),
      }),
    };
    const proxied = this.#config.getCurrentCluster()?.proxyUrl !== undefined;
    const secure = url.protocol === 'https:';
    const agent = proxied ? options.agent : secure ? this.#agent : undefined;
    return new Promise((resolve, reject) => {
      const sent: RequestOptions = { ...options, agent, method, headers, signal };
      const request: ClientRequest = secure
        ? httpsRequest(url, sent, resolve)
        : httpRequest(url, { method, headers, signal }, resolve);
      request.on('error', (error) =>
        reject(new ApiError(0, 'Unreachable', `${method} ${url.pathname}: ${error.message}`)),
      );
      request.end(text);
    });
  }
}

function page({ apiVersion, kind }: Resource, value: unknown): ListPage {
  if (!isRecord(value) || !Array.isArray(value['items']) || !isRecord(value['metadata']))
    throw new ApiError(0, 'BadAnswer', `the list of ${kind}s is none`);
  const { resourceVersion, continue: next } = value['metadata'];
  // The items of a list don't say again what kind they are.
  const items = (value['items'] as KubernetesObject[]).map((item) => ({ ...item, apiVersion, kind }));
  return { items, resourceVersion: String(resourceVersion), ...(typeof next === 'string' && next !== '' && { next }) };
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}

/** Its iterator, unlike readline's, rejects when the connection breaks. */
async function* lines(response: IncomingMessage): AsyncGenerator<string> {
  response.setEncoding('utf8');
  let rest = '';
  for await (const piece of response) {
    const whole = (rest + String(piece)).split('\n');
    rest = whole.pop() ?? '';
    yield* whole;
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refusal({ method, path }: Call, response: IncomingMessage, body: unknown): ApiError {
  const status = response.statusCode ?? 0;
  const reason = isRecord(body) && typeof body['reason'] === 'string' ? body['reason'] : `Http${status}`;
  const message = isRecord(body) ? String(body['message']) : String(body).slice(0, 200);
  const retryAfter = Number(response.headers['retry-after'] ?? 0) * 1000;
  return new ApiError(
    status,
    reason,
    `${method} ${path}: ${status} ${message}`,
    Number.isFinite(retryAfter) ? retryAfter : 0,
  );
}
