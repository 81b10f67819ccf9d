import type { Binding } from '../../proxy/store/records.ts';
import type { Side } from '../bench/message.ts';

/** The shard's range in the stores that the measurements fill. */
export const PREFIX = '/sipcluster/v1/voice/contact-center/SIP_Cluster_Switch/SIP_Cluster_DN/';

/** The `i`-th phone's binding as a proxy stores it: over TLS, with instance, reg-id, owner and flow. */
export function phone(i: number, now: number): Binding {
  const address = `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;
  const instance = `<urn:uuid:${i.toString(16).padStart(8, '0')}-7dec-11d0-a765-00a0c91e6bf6>`;
  return {
    aor: aorOf(i),
    id: `${instance};1`,
    contact: `sip:agent${i}@${address}:5061;transport=tls;ob`,
    q: 1000,
    transport: 'TLS',
    sourceAddress: address,
    sourcePort: 20_000 + (i % 40_000),
    expires: now + 3_600_000 + (i % 600_000),
    stamp: {
      first: now - i,
      callId: `${(i * 7919).toString(16).padStart(10, '0')}@${address}`,
      cseq: 1,
      commit: now + 0.001,
    },
    instance,
    regId: 1,
    owner: `contact-center-sip-cluster-switch-dn-dc1-${i % 3}`,
    boot: `boot-of-${i % 3}`,
    flow: i,
  };
}

/** The same phone over UDP from behind a NAT, at one of `addresses`; the proxy that it registered by is gone. */
export function udpPhone(i: number, now: number, addresses: readonly string[]): Binding {
  const address = addresses[i % addresses.length] ?? '';
  const contact = `sip:agent${i}@${address}:5060;ob`;
  return { ...phone(i, now), contact, transport: 'UDP', sourceAddress: address, sourcePort: 5060 };
}

/** The `i`-th user of a load that refreshes (test/bench/scenarios/register.ts), all of whose phones are in one place. */
export function loadsUser(i: number, now: number, { address, port }: Side): Binding {
  const id = `sip:m${i}@${address}:${port}`;
  const { instance: _instance, regId: _regId, owner: _owner, boot: _boot, flow: _flow, ...rest } = phone(i, now);
  const place = { transport: 'UDP', sourceAddress: address, sourcePort: port } as const;
  return { ...rest, ...place, aor: `m${i}@example.com`, id, contact: id };
}

export function aorOf(i: number): string {
  return `agent${i}@sip.example.com`;
}
