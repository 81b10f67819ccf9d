import { eventually } from '../../peers/deadline.ts';
import { Authority } from '../../proxy/transport/certificates.ts';
import { exposedManifest, exposures, outside, partOf, type Wrong } from '../exposed.ts';
import { namespace } from '../places.ts';
import { conditionsOf, readOf } from '../resource.ts';
import type { Stage } from '../stage.ts';
import { callsFromOutside } from './exposure.ts';

const tlsSecretName = 'mismatched';
const host = 'ss2-backup.nowhere.example';

/** A manifest that can't be honoured in two places: each is said, and calls go on by the proxies that were there. */
export async function wrongIsSaid(stage: Stage): Promise<void> {
  const { kubectl, story } = stage;
  const authority = await Authority.make();
  const [{ cert }, { key }] = [
    await authority.issue({ names: ['a.example'] }),
    await authority.issue({ names: ['b.example'] }),
  ];
  const metadata = { name: tlsSecretName, namespace };
  await kubectl.apply([
    { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { 'tls.crt': cert, 'tls.key': key } },
  ]);
  const before = await pods(stage);
  await applied(stage, { tlsSecretName, host });
  const tls = await says(stage, 'Ready', 'CertificateRefused', [
    'clusterDNs[nodeport].proxies[dc1].listeners[TLS 5061].tlsSecretName',
    tlsSecretName,
  ]);
  story.tells(`a key that is not the certificate's: ${tls}`);
  const name = await says(stage, 'ServersAvailable', 'HostNotResolved', [
    'clusterDNs[balanced].sipServers[ss2].backup.host',
  ]);
  story.tells(`a host that DNS does not know: ${name}`);
  const now = await pods(stage);
  const ended = before.filter((pod) => !now.includes(pod));
  if (ended.length > 0) throw new Error(`torn down: ${ended.join(', ')}`);
  await callsFromOutside(stage);
  story.tells('no proxy that was there was torn down, and calls go on');
}

async function applied({ kubectl, cast }: Stage, wrong: Wrong): Promise<void> {
  await kubectl.apply(exposedManifest(cast, wrong));
}

/** Resolves to the condition's message, which has all of `named`. */
async function says({ kubectl }: Stage, type: string, reason: string, named: readonly string[]): Promise<string> {
  let said = '';
  await eventually(90_000, `${type} says ${reason}`, async () => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const condition = conditionsOf(await readOf(kubectl, outside)).get(type);
    said = `${condition?.reason}: ${condition?.message}`;
    return condition?.status === 'False' && condition.reason === reason && named.every((text) => said.includes(text));
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}; it says ${said}`, { cause: error });
  });
  return said;
}

/** Names of the DNs' pods that are ready. */
async function pods({ kubectl }: Stage): Promise<string[]> {
  const lists = await Promise.all(
    exposures.map((each) =>
      kubectl.run(
        'get',
        'pods',
        '-n',
        namespace,
        `--selector=sipcluster.io/part=${partOf(each)}`,
        '--output=jsonpath={range .items[?(@.status.containerStatuses[0].ready==true)]}{.metadata.name}{"\\n"}{end}',
      ),
    ),
  );
  return lists.flatMap((list) => list.split('\n')).filter((name) => name !== '');
}
