import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { isIPv6, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import type { Logger as Log } from 'pino';
import { Metrics } from './metrics.ts';
import type { CallView, ProxyStatus, RegistrationView } from './status.ts';

export interface AdminOptions {
  /** Numeric address to bind: the proxy's own. */
  readonly address: string;
  /** 0: any free port. */
  readonly port: number;
  /** Directory with a file `token`, which is read at every request: absent, nobody needs one. */
  readonly token?: string | undefined;
  readonly log: Log;
  readonly status: () => ProxyStatus;
  readonly registrations: (aor: string | undefined) => Iterable<RegistrationView>;
  readonly calls: (callId: string | undefined) => Iterable<CallView>;
  /** Opens POST /block, which cuts links for tests and the demo. */
  readonly block?: (addresses: ReadonlySet<string>) => void;
}

export interface Admin {
  /** `http://address:port` */
  readonly url: string;
  close(): Promise<void>;
}

/** What needs no token: probes and scrapers have none. */
const OPEN: ReadonlySet<string> = new Set(['/livez', '/readyz', '/metrics']);
/** The API server takes Authorization off what it passes on to a pod: there a token comes by this. */
const TOKEN_HEADER = 'sipcluster-token';
const BODY_LIMIT = 65_536;
/** Registrations or calls a piece of the answer: a million of them would not fit into one string. */
const PIECE = 1000;

class Refusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * The proxy's HTTP port for probes, metrics and the command line.
 * GET /livez (depends on nothing outside the process), /readyz (503 with the reason), /metrics, /status (ProxyStatus),
 * /registrations[?aor=user@host] (an array of RegistrationView), /calls[?call-id=…] (an array of CallView). With a
 * token, only the first three are open.
 * Rejects if the port can't be bound.
 */
export async function startAdmin(options: AdminOptions): Promise<Admin> {
  const { address, port, log } = options;
  const metrics = new Metrics(options.status);

  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 5000, keepAliveTimeout: 5000 },
    (request, response) => {
      answer(request, response, options, metrics).catch((error: unknown) => {
        if (error instanceof Refusal) return say(response, error.status, error.message);
        log.warn({ err: error, method: request.method, url: request.url }, 'the admin port could not answer a request');
        if (response.headersSent) response.destroy();
        else say(response, 500, 'internal error, see the log');
      });
    },
  );
  server.maxConnections = 256;
  server.on('clientError', (_error, socket) => socket.destroy());

  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        new Error(`can't listen on ${at(address, port)} for the admin port: ${describe(error)}`, { cause: error }),
      );
    });
    server.listen(port, address, resolve);
  });
  server.on('error', (error) => log.error({ err: error }, 'the admin port failed'));
  const bound = server.address() as AddressInfo;

  return {
    url: `http://${at(address, bound.port)}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: AdminOptions,
  metrics: Metrics,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://admin');
  if (options.token !== undefined && !OPEN.has(url.pathname)) await authenticate(request, response, options.token);
  if (url.pathname === '/block' && options.block !== undefined) {
    if (request.method !== 'POST') throw new Refusal(405, 'POST a JSON array of addresses');
    options.block(new Set(await addresses(request)));
    return say(response, 204, '');
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') throw new Refusal(405, 'only GET');
  switch (url.pathname) {
    case '/livez':
      return say(response, 200, 'ok');
    case '/readyz': {
      const { ready } = options.status();
      return ready.ok ? say(response, 200, 'ok') : say(response, 503, ready.why ?? 'not ready');
    }
    case '/metrics':
      return send(response, 200, metrics.contentType, await metrics.text());
    case '/status':
      return send(response, 200, 'application/json', `${JSON.stringify(options.status())}\n`);
    case '/registrations':
      response.writeHead(200, { 'content-type': 'application/json' });
      return pipeline(Readable.from(array(options.registrations(url.searchParams.get('aor') ?? undefined))), response);
    case '/calls':
      response.writeHead(200, { 'content-type': 'application/json' });
      return pipeline(Readable.from(array(options.calls(url.searchParams.get('call-id') ?? undefined))), response);
    default:
      throw new Refusal(404, 'here are /livez, /readyz, /metrics, /status, /registrations and /calls');
  }
}

async function authenticate(request: IncomingMessage, response: ServerResponse, directory: string): Promise<void> {
  let token: string;
  try {
    token = (await readFile(join(directory, 'token'), 'utf8')).trim();
  } catch (error) {
    throw new Refusal(503, `the token can't be read: ${String(error)}`);
  }
  const own = request.headers[TOKEN_HEADER];
  const shown = typeof own === 'string' ? own : /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (token !== '' && shown !== undefined && isSame(shown.trim(), token)) return;
  response.setHeader('www-authenticate', 'Bearer');
  throw new Refusal(401, shown === undefined ? 'a bearer token is needed' : 'not the right token');
}

/** In a time that tells nothing of where they differ. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** Some at a time, and between them what else there is to do: a list of a million must hold up no call. */
async function* array(views: Iterable<RegistrationView | CallView>): AsyncGenerator<string> {
  let piece: string[] = [];
  let before = '[';
  for (const view of views) {
    piece.push(JSON.stringify(view));
    if (piece.length < PIECE) continue;
    yield `${before}${piece.join(',\n')}`;
    before = ',\n';
    piece = [];
    await setImmediate();
  }
  if (piece.length > 0) yield `${before}${piece.join(',\n')}`;
  yield piece.length === 0 && before === '[' ? '[]\n' : ']\n';
}

async function addresses(request: IncomingMessage): Promise<string[]> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > BODY_LIMIT) throw new Refusal(413, `more than ${BODY_LIMIT} bytes`);
  }
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    throw new Refusal(400, 'the body is no JSON');
  }
  if (!Array.isArray(list) || !list.every((entry) => typeof entry === 'string')) {
    throw new Refusal(400, 'the body is no JSON array of addresses');
  }
  return list;
}

function say(response: ServerResponse, status: number, text: string): void {
  send(response, status, 'text/plain; charset=utf-8', text === '' ? '' : `${text}\n`);
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

function at(address: string, port: number): string {
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
}

function describe(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return 'another process uses this port; stop it or choose another port (EADDRINUSE)';
    case 'EADDRNOTAVAIL':
      return 'this machine has no such address (EADDRNOTAVAIL)';
    case 'EACCES':
      return 'ports below 1024 need root or CAP_NET_BIND_SERVICE (EACCES)';
    default:
      return error.message;
  }
}
