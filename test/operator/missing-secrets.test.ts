import { expect } from 'chai';
import { missingSecrets } from '../../operator/missing-secrets.ts';
import { plan } from '../../operator/plan/plan.ts';
import { resource } from './resources.ts';

describe('Secrets that only proxies read', () => {
  const planned = plan(resource('design'));

  it('are asked for once each, and none is missing where all are there', async () => {
    const asked: string[] = [];
    const found = await missingSecrets(planned, async (name) => asked.push(name) > 0);
    expect(found).to.deep.equal({ problems: [], shards: [] });
    expect(asked).to.deep.equal([...new Set(asked)]);
    expect(asked).to.include('sip-tls');
  });

  it('are named with every field that asks for them where they are missing, and hold back only the proxies that need them', async () => {
    const { problems, shards } = await missingSecrets(planned, async (name) => name !== 'sip-tls');
    const at = 'spec.switches[SIP_Cluster_Switch].clusterDNs[SIP_Cluster_DN].proxies[dc1].listeners';
    expect(problems.map(({ message }) => message)).to.include.members([
      `${at}[TLS 5061].tlsSecretName: the Secret sip-tls is missing`,
      `${at}[WSS 8443].tlsSecretName: the Secret sip-tls is missing`,
    ]);
    expect(problems.every(({ type, reason }) => type === 'ConfigurationValid' && reason === 'SecretMissing')).to.equal(
      true,
    );
    expect(shards).to.deep.equal(
      planned.shards.filter(({ geoLocation }) => geoLocation === 'dc1').map(({ name }) => name),
    );
  });
});
