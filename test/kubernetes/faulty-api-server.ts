import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import type { ControlPlane } from './control-plane.ts';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly watch: boolean;
}

/**
 * What is done in place of passing a request on: a status as the API server would answer it; `gone` ends a watch with its
 * 410; `hang` answers a watch's head and nothing after it, or nothing at all; `cut` breaks the connection.
 */
export type Fault = number | 'gone' | 'hang' | 'cut';

/** A real API server behind something that answers some requests itself, as an overloaded or half-dead one does. */
export class FaultyApiServer {
  /** Asked for every request; undefined: it is passed on. */
  fault: (asked: Asked) => Fault | undefined = () => undefined;
  /** Requests that would change something and were passed on. */
  writes = 0;
  readonly #plane: ControlPlane;
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });

  private constructor(plane: ControlPlane) {
    this.#plane = plane;
    this.#server = createServer((request, response) => {
      this.#take(request, response).catch(() => response.destroy());
    });
  }

  static async start(plane: ControlPlane): Promise<FaultyApiServer> {
    const faulty = new FaultyApiServer(plane);
    faulty.#server.listen(0, '127.0.0.1');
    await once(faulty.#server, 'listening');
    return faulty;
  }

  config(): KubeConfig {
    const { port } = this.#server.address() as AddressInfo;
    const config = new KubeConfig();
    config.loadFromClusterAndUser(
      { name: 'faulty', server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
      { name: 'faulty' },
    );
    return config;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    this.#agent.destroy();
    await once(this.#server, 'close');
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/' } = request;
    const { pathname, searchParams } = new URL(url, 'http://api');
    const fault = this.fault({ method, path: pathname, watch: searchParams.get('watch') === 'true' });
    if (fault === undefined) return this.#pass(request, response);
    request.resume();
    if (fault === 'cut') response.destroy();
    else if (fault === 'gone') {
      const object = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(`${JSON.stringify({ type: 'ERROR', object })}\n`);
    } else if (fault === 'hang') response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    else {
      response.writeHead(fault, { 'content-type': 'application/json', ...(fault === 429 && { 'retry-after': '1' }) });
      response.end(JSON.stringify({ kind: 'Status', code: fault, reason: 'Injected', message: 'not now' }));
    }
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/', headers } = request;
    if (method !== 'GET') this.writes += 1;
    const config = this.#plane.config();
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    const { host: _host, ...kept } = headers;
    const sent = httpsRequest(
      `${config.getCurrentCluster()?.server ?? ''}${url}`,
      { ...options, agent: this.#agent, method, headers: { ...kept, ...(options.headers as object) } },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        response.flushHeaders();
        answer.pipe(response);
        answer.on('error', () => response.destroy());
      },
    );
    sent.on('error', () => response.destroy());
    response.on('close', () => sent.destroy());
    request.pipe(sent);
  }
}
