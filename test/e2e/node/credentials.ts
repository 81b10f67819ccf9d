import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { Authority } from '../../proxy/transport/certificates.ts';
import { network, nodeName } from './network.ts';

/** Who talks to the API server, and the groups that give them their rights. */
const users = {
  admin: { name: 'admin', group: 'system:masters' },
  'kube-controller-manager': { name: 'system:kube-controller-manager', group: '' },
  'kube-scheduler': { name: 'system:kube-scheduler', group: '' },
  'kube-proxy': { name: 'system:kube-proxy', group: '' },
  kubelet: { name: `system:node:${nodeName}`, group: 'system:nodes' },
  coredns: { name: 'coredns', group: '' },
} as const;

/** Writes a cluster's certificates, tokens and kubeconfigs, `admin.kubeconfig` among them, to the folder. */
export async function writeCredentials(folder: string): Promise<void> {
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text, { mode: 0o600 });
  const authority = await Authority.make('kubernetes');
  write('ca.crt', authority.pem);
  const service = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
  const certificates = {
    apiserver: { names: [...service, network.node, network.kubernetes] },
    'kubelet-client': { commonName: 'kube-apiserver' },
  };
  for (const [name, identity] of Object.entries(certificates)) {
    const { cert, key } = await authority.issue(identity);
    write(`${name}.crt`, cert);
    write(`${name}.key`, key);
  }
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  write('service-account.key', privateKey.export({ type: 'pkcs1', format: 'pem' }));

  const tokens = Object.entries(users).map(([file, { name, group }]) => {
    const token = randomBytes(16).toString('hex');
    write(`${file}.kubeconfig`, kubeconfig(token, authority.pem));
    return `${token},${name},${name},"${group}"\n`;
  });
  write('tokens.csv', tokens.join(''));
}

function kubeconfig(token: string, ca: string): string {
  const cluster = {
    server: `https://${network.node}:${network.apiPort}`,
    'certificate-authority-data': Buffer.from(ca).toString('base64'),
  };
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'e2e', cluster }],
    users: [{ name: 'e2e', user: { token } }],
    contexts: [{ name: 'e2e', context: { cluster: 'e2e', user: 'e2e' } }],
    'current-context': 'e2e',
  });
}
