/** The proxy under load, in a process of its own: started by OneProxy, told by messages. */
import pino from 'pino';
import type { ProxyConfig } from '../../proxy/config.ts';
import { startProxy } from '../../proxy/main.ts';
import { MemoryCluster } from '../../proxy/store/memory.ts';
import type { Measured, Order } from './one-proxy.ts';

const config: ProxyConfig = JSON.parse(process.env['PROXY_CONFIG'] ?? '');
const cluster = new MemoryCluster({ now: Date.now });
const proxy = await startProxy(config, {
  log: pino({ level: process.env['LOG_LEVEL'] ?? 'silent' }),
  hash: 'load',
  stores: (name) => cluster.store(name),
});

const measured = (): Measured => {
  for (let i = 0; i < 3; i++) globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return { heap: heapUsed + external, rss, cpu: (user + system) / 1e6, status: proxy.status() };
};

process.on('message', (order: Order) => {
  if (order === 'measure') process.send?.(measured());
  else void proxy.close().then(() => process.exit(0));
});
process.once('disconnect', () => process.exit(1));
process.send?.('started');
