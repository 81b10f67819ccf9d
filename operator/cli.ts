import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import yargs from 'yargs';
import { UserError } from './user-error.ts';

const COMMANDS = ['up', 'proxy', 'operator', 'status', 'registrations', 'calls', 'drain', 'validate'] as const;
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
const FORMATS = ['table', 'json', 'yaml'] as const;
const DATA_DIR = {
  type: 'string',
  default: '.sipcluster',
  describe: 'Folder of the running `up`, unless an option of Kubernetes is given',
  requiresArg: true,
} as const;
/** The cluster that a command asks, if it is one of Kubernetes. */
const KUBERNETES = {
  kubeconfig: { type: 'string', requiresArg: true, describe: 'Path of the kubeconfig; default: $KUBECONFIG' },
  context: { type: 'string', requiresArg: true, describe: 'Context of the kubeconfig' },
  namespace: { alias: 'n', type: 'string', requiresArg: true, describe: 'Namespace of the SipClusters' },
} as const;
const OUTPUT = { alias: 'o', choices: FORMATS, default: 'table', describe: 'What to print' } as const;

/** The command line. Sets the process's exit code, and ends the process when a command that runs for long is over. */
export async function main(argv: readonly string[]): Promise<void> {
  const plugin = isPlugin(process.argv[1]);
  const parser = yargs([...argv])
    .scriptName(plugin ? 'kubectl sipcluster' : 'sipcluster')
    .usage('$0 <command>\n\nSIP proxies in front of pairs of SIP Servers, in one or more data centres.')
    .command(
      'up',
      'Run the proxies of a manifest on this machine, each data centre with its own etcd',
      (command) =>
        command
          .option('file', {
            alias: 'f',
            type: 'string',
            demandOption: true,
            requiresArg: true,
            describe: 'Manifest; a change of it is taken live',
          })
          .option('store', {
            choices: ['etcd', 'memory'] as const,
            default: 'etcd' as const,
            describe: 'memory: all proxies in this one process, without etcd',
          })
          .option('data-dir', {
            ...DATA_DIR,
            describe: 'Folder for etcd’s data and what `status` needs; one `up` at a time',
          })
          .option('geo-location', {
            type: 'string',
            array: true,
            requiresArg: true,
            describe: 'Run only these data centres; default: all',
          })
          .option('address', {
            type: 'string',
            array: true,
            requiresArg: true,
            describe: 'GEO/N=IP: the address of proxy N (from 0) of a data centre',
          })
          .option('secret', {
            type: 'string',
            array: true,
            requiresArg: true,
            describe: 'NAME=DIR: the folder with a Secret’s files',
          })
          .option('log-level', {
            choices: LEVELS,
            describe: 'Default: info',
          })
          .option('testing', { type: 'boolean', default: false, hidden: true })
          .epilogue(
            'Proxy N of data centre I, both counted from 0 in the manifest’s order, listens on 127.0.(10+I).(1+N)\n' +
              'at the manifest’s ports. Ctrl-C ends everything.',
          )
          .example('$0 up -f cluster.yaml', 'Two data centres on loopback addresses')
          .example('$0 up -f cluster.yaml --store memory', 'The same without etcd')
          .example(
            '$0 up -f cluster.yaml --address dc1/0=192.0.2.10',
            'The first proxy of dc1 on an address of one’s own',
          )
          .example('$0 up -f cluster.yaml --secret sip-tls=./certs', 'With the files of the Secret sip-tls'),
      async (args) => {
        const { runUp } = await import('./commands/up.ts');
        await exit(runUp(args));
      },
    )
    .command(
      'proxy',
      'Run one proxy in the foreground',
      (command) =>
        command
          .option('config', {
            type: 'string',
            demandOption: true,
            requiresArg: true,
            describe: 'Its configuration, YAML or JSON; a change of it is taken live',
          })
          .option('testing', { type: 'boolean', default: false, hidden: true })
          .example('$0 proxy --config proxy.yaml', 'One proxy, until SIGTERM or Ctrl-C'),
      async (args) => {
        const { takeFlags } = await import('./processes/proxy-flags.ts');
        takeFlags();
        const { runProxy } = await import('./commands/proxy.ts');
        await exit(runProxy(args));
      },
    )
    .command(
      'operator',
      'Make what the SipClusters of a Kubernetes cluster ask for, until SIGTERM or Ctrl-C',
      (command) =>
        command
          .option('image', {
            type: 'string',
            demandOption: true,
            requiresArg: true,
            describe: 'Image of the proxies whose manifest names none: the operator’s own',
          })
          .option('etcd-image', {
            type: 'string',
            demandOption: true,
            requiresArg: true,
            describe: 'Image of the etcd that it runs',
          })
          .option('geo-location', {
            type: 'string',
            array: true,
            requiresArg: true,
            describe: 'The data centres that this cluster is for; default: all',
          })
          .option('namespace', {
            alias: 'n',
            type: 'string',
            array: true,
            requiresArg: true,
            describe: 'Namespaces whose SipClusters it makes; default: all',
          })
          .option('lease-namespace', {
            type: 'string',
            requiresArg: true,
            describe: 'Namespace of its Lease; default: its own',
          })
          .option('context', { type: 'string', requiresArg: true, describe: 'Context of the kubeconfig' })
          .option('admin-port', { type: 'number', default: 8080, describe: 'HTTP for probes and metrics' })
          .option('log-level', { choices: LEVELS, default: 'info' as const })
          .example('$0 operator --image REGISTRY/sipcluster:1.0.0 --etcd-image REGISTRY/etcd:v3.6.13', 'In the cluster')
          .example('$0 operator --context test --geo-location dc1 --image … --etcd-image …', 'From one’s own machine'),
      async (args) => {
        const { runOperator } = await import('./commands/operator.ts');
        await exit(runOperator(args));
      },
    )
    .command(
      'status',
      'Show the proxies, their stores, and what they see of the SIP Servers',
      (command) =>
        command
          .option('data-dir', DATA_DIR)
          .options(KUBERNETES)
          .option('output', OUTPUT)
          .example('$0 status', 'Tables')
          .example('$0 status -o json', 'For programs')
          .example('$0 status -n voice', 'On Kubernetes, by the kubeconfig'),
      async (args) => {
        const { showStatus } = await import('./commands/status.ts');
        await showStatus({ ...args, plugin });
      },
    )
    .command(
      'registrations [aor]',
      'Show who is registered, and where',
      (command) =>
        command
          .positional('aor', { type: 'string', describe: 'Only this address of record, user@host' })
          .option('proxy', {
            type: 'string',
            requiresArg: true,
            describe: 'As this proxy knows them; default: as all do together',
          })
          .option('data-dir', DATA_DIR)
          .options(KUBERNETES)
          .option('output', OUTPUT)
          .example('$0 registrations', 'All')
          .example('$0 registrations alice@sip.example.com -o yaml', 'One, in full')
          .example('$0 registrations --proxy contact-center-0', 'As one proxy has them'),
      async (args) => {
        const { showRegistrations } = await import('./commands/registrations.ts');
        await showRegistrations({ ...args, plugin });
      },
    )
    .command(
      'calls [call-id]',
      'Show which pair of SIP Servers holds which call',
      (command) =>
        command
          .positional('call-id', { type: 'string', describe: 'Only the call with this Call-ID' })
          .option('proxy', {
            type: 'string',
            requiresArg: true,
            describe: 'As this proxy knows them; default: as all do together',
          })
          .option('data-dir', DATA_DIR)
          .options(KUBERNETES)
          .option('output', OUTPUT)
          .example('$0 calls', 'All in progress')
          .example('$0 calls a84b4c76e66710@192.0.2.1', 'One'),
      async (args) => {
        const { showCalls } = await import('./commands/calls.ts');
        await showCalls({ ...args, plugin });
      },
    )
    .command(
      'drain <pod>',
      'Have a proxy on Kubernetes end without a lost call; another one takes its place',
      (command) =>
        command
          .positional('pod', { type: 'string', demandOption: true, describe: 'Name of its pod' })
          .options(KUBERNETES)
          .option('wait', { type: 'boolean', default: true, describe: 'Until it is gone; --no-wait returns at once' })
          .example('$0 drain -n voice contact-center-sw-dn-dc1-5c7b8-x2x4z', 'As its PodDisruptionBudget allows'),
      async (args) => {
        const { drain } = await import('./commands/drain.ts');
        await drain(args);
      },
    )
    .command(
      'validate',
      'Check manifests as the Kubernetes API server would, without one',
      (command) =>
        command
          .option('file', {
            alias: 'f',
            type: 'string',
            demandOption: true,
            requiresArg: true,
            describe: 'Manifest; - reads standard input',
          })
          .example('$0 validate -f cluster.yaml', 'Exit code 0: valid, 2: not')
          .example('helm template chart | $0 validate -f -', 'Whatever writes manifests'),
      async (args) => {
        const { runValidate } = await import('./commands/validate.ts');
        process.exitCode = runValidate(args);
      },
    )
    .demandCommand(1, 'Name a command.')
    .recommendCommands()
    .strict()
    .version(version())
    .help()
    .alias('help', 'h')
    .wrap(Math.min(process.stdout.columns ?? 100, 120))
    .exitProcess(false)
    .fail((message, error: Error | undefined) => {
      if (error !== undefined) throw error;
      const command = COMMANDS.find((name) => argv.includes(name));
      throw new UserError(
        `${message}\nSee: ${plugin ? 'kubectl sipcluster' : 'sipcluster'} ${command === undefined ? '' : `${command} `}--help`,
      );
    });
  try {
    await parser.parseAsync();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error.exitCode;
  }
}

/** Whether kubectl called it: `kubectl sipcluster` looks for a program `kubectl-sipcluster`. */
function isPlugin(program = ''): boolean {
  return /^kubectl-sipcluster(\.js)?$/.test(basename(program));
}

/** What ran for long may have left something open that would keep the process: its end is the end. */
async function exit(run: Promise<number>): Promise<void> {
  process.exit(await run);
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return String((JSON.parse(text) as { version?: unknown }).version);
}
