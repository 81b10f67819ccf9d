import { createServer, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';

/** Where every pod of the cast takes its commands. */
const port = 8080;

/** What a pod can be told to do: `POST /name` with the argument as JSON, answered with the result as JSON. */
export type Commands = Readonly<Record<string, (argument: never) => unknown>>;

/** The pod's own address, which the manifest of each pod of the cast gives it. */
export function ownAddress(): string {
  const address = process.env['POD_IP'];
  if (address === undefined) throw new Error('POD_IP is not set');
  return address;
}

/** Serves them until SIGTERM. Whatever goes wrong in one is the answer to it: status 500 and why. */
export function serve(commands: Commands): void {
  const server = createServer((request, response) => {
    const name = (request.url ?? '/').slice(1);
    obey(commands, name, request).then(
      (result) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result ?? null)),
      (error: unknown) => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
    );
  });
  server.listen(port, ownAddress());
  process.on('SIGTERM', () => process.exit(0));
}

async function obey(commands: Commands, name: string, request: IncomingMessage): Promise<unknown> {
  if (name === 'healthy') return true;
  const command = commands[name];
  if (command === undefined) throw new Error(`no command ${name}; there are ${Object.keys(commands).join(', ')}`);
  const body = await text(request);
  return (command as (argument: unknown) => unknown)(body === '' ? undefined : JSON.parse(body));
}
