import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { namespace, operatorNamespace } from '../places.ts';
import type { Stage } from '../stage.ts';

const run = promisify(execFile);
const program = fileURLToPath(new URL('../../../operator/bin/sipcluster.js', import.meta.url));

interface Pods {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly spec: { readonly volumes?: readonly { readonly projected?: unknown }[] };
  }[];
}

/** The command line shows what the proxies know, by way of the API server. */
export async function seen({ kubectl, story }: Stage): Promise<void> {
  const sipcluster = async (...args: readonly string[]) => {
    const where = ['--kubeconfig', kubectl.kubeconfig, '--namespace', namespace];
    const env = { ...process.env, COLUMNS: '110' };
    return (await run(process.execPath, [program, ...args, ...where], { env })).stdout;
  };
  const status = await sipcluster('status');
  story.shows(['', ...status.trimEnd().split('\n'), '']);
  if (status.includes('Unreachable')) throw new Error('sipcluster status does not reach every proxy');
  const registrations = await sipcluster('registrations', 'alice@sip.example.com');
  if (!registrations.includes('every proxy knows all of them')) throw new Error(registrations);
  story.tells('sipcluster status reaches every proxy, and registrations finds alice on each');
}

/** The operator may read Secrets where its SipClusters are and nowhere else; proxies may nothing. */
export async function rights({ kubectl, story }: Stage): Promise<void> {
  const operator = `--as=system:serviceaccount:${operatorNamespace}:sipcluster`;
  const may = (where: string) =>
    kubectl.run('auth', 'can-i', 'get', 'secrets', operator, '--namespace', where).then(
      (answer) => answer.trim() === 'yes',
      () => false,
    );
  if (!(await may(namespace)) || (await may('kube-system')))
    throw new Error("the operator's rights are not those of the chart");
  const proxies = '--selector=app.kubernetes.io/component=proxy';
  const { items } = await kubectl.json<Pods>('get', 'pods', '-n', namespace, proxies);
  const withToken = items.filter(({ spec }) => (spec.volumes ?? []).some(({ projected }) => projected !== undefined));
  if (withToken.length > 0) throw new Error(`${withToken.map(({ metadata }) => metadata.name).join(', ')} has a token`);
  story.tells(`the operator reads no Secret outside ${namespace}, and no proxy has a token of the API server`);
}
