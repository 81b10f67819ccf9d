/**
 * How an operator does with many SipClusters: `make many-clusters [COUNT=…]`, 200 by default. It makes
 * them on a real API server, lets one operator make all that they ask for, ends it, and measures the next one: how long
 * until it has gone through all of them, what it wrote (by the API server's own count), and how much memory it took.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { resources } from '../../operator/kubernetes/resources.ts';
import { eventually } from '../peers/deadline.ts';
import { Etcd } from '../peers/etcd.ts';
import { ApiServer } from './api-server.ts';
import { ControlPlane, controlPlaneDirectory } from './control-plane.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ADMIN_PORT = 19_464;
/** As the chart starts it. */
const FLAGS = ['--max-semi-space-size=2', '--optimize-for-size'];
const PATIENCE = 400_000;
/** One SipCluster's objects: ServiceAccount, ConfigMap, two Services, PodDisruptionBudget, NetworkPolicy, Deployment. */
const DEPLOYED = 1;
const count = Number(process.argv[2] ?? 200);

const binaries = controlPlaneDirectory();
if (binaries === undefined) throw new Error('no kube-apiserver: test/tools/install-kube-apiserver.sh builds one');
const folder = mkdtempSync(join(tmpdir(), 'sipcluster-many-'));
const [plane, etcd] = await Promise.all([ControlPlane.start(binaries), Etcd.start()]);
const server = new ApiServer(plane);
const kubeconfig = join(folder, 'kubeconfig');
const program = packed();
let operator: ChildProcess | undefined;
let ending = false;
let restarts = 0;
// so that what it started ends with it
process.once('SIGTERM', () => process.exit(1)).once('SIGINT', () => process.exit(1));
process.once('exit', () => operator?.kill('SIGKILL'));

try {
  await server.installCrd();
  writeFileSync(kubeconfig, plane.config().exportConfig(), { mode: 0o600 });
  const namespace = await server.namespace();
  for (let i = 0; i < count; i++) await server.api.apply(sipCluster(namespace, `cc${i}`), 'test');
  console.log(`${count} SipClusters of two proxies and one pair each`);

  let began = performance.now();
  operator = start();
  await eventually(
    PATIENCE,
    'all Deployments are made',
    async () => (await deployments(namespace)) === count * DEPLOYED,
  );
  console.log(`made in ${seconds(began)} s`);
  await quiet(4000);
  await end(operator);

  const before = await writes();
  began = performance.now();
  operator = start();
  await eventually(
    PATIENCE,
    'the next one has gone through all',
    async () => (await metric('operator_reported_sipclusters')) === count,
  );
  const took = seconds(began);
  await quiet(4000);
  const memory = (await metric('process_resident_memory_bytes')) / 2 ** 20;
  console.log(
    `after a restart: ${took} s to reconcile all; ${(await writes()) - before} writes; ${memory.toFixed(0)} MiB resident`,
  );
} finally {
  await end(operator);
  server.api.close();
  await plane.stop();
  await etcd.stop();
  rmSync(folder, { recursive: true });
}

/** As the image has it: stripping types takes memory that users' operators don't need. */
function packed(): string {
  const archive = execFileSync(process.execPath, [join(ROOT, 'test/tools/package.ts'), folder], { encoding: 'utf8' });
  execFileSync('tar', ['-xzf', archive.trim(), '-C', folder]);
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'package', 'node_modules'));
  return join(folder, 'package', 'operator', 'bin', 'sipcluster.js');
}

function sipCluster(namespace: string, name: string) {
  return {
    apiVersion: 'sipcluster.io/v1alpha1',
    kind: 'SipCluster',
    metadata: { name, namespace },
    spec: {
      geoLocations: [{ name: 'dc1', etcd: { endpoints: [etcd.endpoint] } }],
      switches: [
        {
          name: 'sw',
          clusterDNs: [
            {
              name: 'dn',
              fqdn: { srv: 'proxies.example.com' },
              proxies: [{ geoLocation: 'dc1', exposure: { type: 'PodNetwork' } }],
              sipServers: [
                { name: 'ss1', geoLocation: 'dc1', primary: { host: '10.0.1.11' }, backup: { host: '10.0.2.11' } },
              ],
            },
          ],
        },
      ],
    },
  };
}

function start(): ChildProcess {
  const args = [
    'operator',
    '--image',
    'i',
    '--etcd-image',
    'e',
    '--lease-namespace',
    'default',
    '--admin-port',
    String(ADMIN_PORT),
    '--log-level',
    'error',
  ];
  const child = spawn(process.execPath, [...FLAGS, program, ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, KUBECONFIG: kubeconfig },
  });
  ending = false;
  // As a Deployment does: on a busy machine it may lose its lease.
  child.once('exit', () => {
    if (ending) return;
    if ((restarts += 1) > 5) throw new Error('the operator does not stay up');
    console.log('the operator ended by itself and is started again');
    operator = start();
  });
  return child;
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  ending = true;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

async function deployments(namespace: string): Promise<number> {
  let found = 0;
  let next: string | undefined;
  do {
    const page = await server.api.source(resources.Deployment, namespace).list(next, AbortSignal.timeout(20_000));
    found += page.items.length;
    next = page.next;
  } while (next !== undefined);
  return found;
}

/** A value of the operator's own metrics; 0 while there is none. */
async function metric(name: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${ADMIN_PORT}/metrics`).catch(() => undefined);
  const text = (await response?.text()) ?? '';
  const line = text.split('\n').find((candidate) => !candidate.startsWith('#') && candidate.includes(name));
  return Number(line?.split(' ').at(-1) ?? 0);
}

/** Requests that changed something of ours, as the API server counts them: all but those for Leases, by which operators are elected. */
async function writes(): Promise<number> {
  const config = plane.config();
  const options = {};
  await config.applyToHTTPSOptions(options);
  const text = await new Promise<string>((resolve, reject) => {
    get(`${config.getCurrentCluster()?.server ?? ''}/metrics`, options, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += String(chunk))).on('end', () => resolve(body));
    }).on('error', reject);
  });
  const ours =
    /^(sipclusters|serviceaccounts|configmaps|services|poddisruptionbudgets|networkpolicies|deployments|statefulsets|secrets|events|pods)$/;
  return text
    .split('\n')
    .filter((line) => line.startsWith('apiserver_request_total{'))
    .filter(
      (line) =>
        /verb="(POST|PUT|PATCH|APPLY|DELETE)"/.test(line) && ours.test(/resource="([^"]*)"/.exec(line)?.[1] ?? ''),
    )
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** Resolves when nothing has been written for so long, ms. */
async function quiet(ms: number): Promise<void> {
  let known = -1;
  for (;;) {
    const now = await writes();
    if (now === known) return;
    known = now;
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
}

function seconds(began: number): string {
  return ((performance.now() - began) / 1000).toFixed(1);
}
