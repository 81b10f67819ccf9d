import { createServer } from 'node:http';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** What the operator knows of itself at any time. */
export interface OperatorGauges {
  readonly depth: () => number;
  readonly leading: () => boolean;
  readonly reported: () => number;
  /** s */
  readonly statusAge: () => number;
}

/** What the operator counts. */
export class OperatorMetrics {
  readonly registry = new Registry();
  readonly #reconciles: Histogram<'result'>;
  readonly #calls: Counter<'verb' | 'kind' | 'status'>;
  readonly #errors: Counter<'reason'>;

  constructor({ depth, leading, reported, statusAge }: OperatorGauges) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.#reconciles = new Histogram({
      name: 'sipcluster_operator_reconcile_seconds',
      help: 'Time that a reconcile took',
      labelNames: ['result'],
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    });
    this.#calls = new Counter({
      name: 'sipcluster_operator_api_calls_total',
      help: 'Answers of the API server; status 0: none',
      labelNames: ['verb', 'kind', 'status'],
      registers,
    });
    this.#errors = new Counter({
      name: 'sipcluster_operator_errors_total',
      help: "Reconciles that failed and were tried again, by the API server's reason",
      labelNames: ['reason'],
      registers,
    });
    const gauges = [
      new Gauge({
        name: 'sipcluster_operator_status_age_seconds',
        help: 'Since the status of each SipCluster was last known to be true: the oldest',
        registers: [],
        collect() {
          this.set(statusAge());
        },
      }),
      new Gauge({
        name: 'sipcluster_operator_reported_sipclusters',
        help: 'SipClusters whose status was found to be true, or written, since this operator leads',
        registers: [],
        collect() {
          this.set(reported());
        },
      }),
      new Gauge({
        name: 'sipcluster_operator_queue_depth',
        help: 'SipClusters that wait to be reconciled',
        registers: [],
        collect() {
          this.set(depth());
        },
      }),
      new Gauge({
        name: 'sipcluster_operator_leading',
        help: '1: this operator leads',
        registers: [],
        collect() {
          this.set(leading() ? 1 : 0);
        },
      }),
    ];
    for (const gauge of gauges) this.registry.registerMetric(gauge);
  }

  reconciled(result: 'done' | 'failed', seconds: number, error?: string): void {
    this.#reconciles.observe({ result }, seconds);
    if (error !== undefined) this.#errors.inc({ reason: error });
  }

  answered(verb: string, kind: string, status: number): void {
    this.#calls.inc({ verb, kind, status });
  }
}

export interface OperatorAdmin {
  readonly port: number;
  close(): Promise<void>;
}

/** /livez, /readyz and /metrics of the operator. Rejects if the port can't be bound. */
export async function startOperatorAdmin(
  port: number,
  metrics: OperatorMetrics,
  ready: () => boolean,
): Promise<OperatorAdmin> {
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    const say = (status: number, text: string, type = 'text/plain; charset=utf-8'): void => {
      response.writeHead(status, { 'content-type': type }).end(text);
    };
    if (request.url === '/livez') say(200, 'ok\n');
    else if (request.url === '/readyz')
      say(ready() ? 200 : 503, ready() ? 'ok\n' : 'the first lists are not there yet\n');
    else if (request.url === '/metrics') {
      metrics.registry.metrics().then(
        (text) => say(200, text, metrics.registry.contentType),
        (error: unknown) => say(500, `${String(error)}\n`),
      );
    } else say(404, 'here are /livez, /readyz and /metrics\n');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, resolve);
  });
  const address = server.address();
  return {
    port: address !== null && typeof address === 'object' ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
