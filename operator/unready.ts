import type { ReasonOf } from './conditions.ts';
import { dnPath, fieldsNaming, setPath } from './field-names.ts';
import type { Shard } from './plan/shard.ts';

/** Why a shard's proxies are not ready, as the condition Ready says it. */
export interface Unready {
  readonly reason: ReasonOf<'Ready'>;
  /** Names the field of the manifest, where what is wrong can be told to come from one. */
  readonly message: string;
}

/**
 * What keeps the proxies of a shard from being ready.
 * @param troubles of its pods, as `podTrouble` says them
 */
export function unready(shard: Shard, ready: number, updated: number, troubles: readonly string[]): Unready {
  const counts = `${shard.name}: ${ready} of ${shard.replicas} ready, ${updated} of the newest`;
  const [trouble] = troubles;
  if (trouble === undefined) return { reason: 'ProxiesNotReady', message: counts };
  const known = portsTaken(shard, trouble) ?? certificateRefused(shard, trouble);
  const at = known === undefined ? '' : `${known.field}: `;
  return { reason: known?.reason ?? 'ProxiesNotReady', message: `${at}${counts}; ${trouble}` };
}

type Known = { readonly reason: ReasonOf<'Ready'>; readonly field: string } | undefined;

/** The scheduler found no node on which the host's ports are free. */
function portsTaken(shard: Shard, trouble: string): Known {
  if (shard.exposure.type !== 'HostNetwork' || !trouble.includes('free ports')) return undefined;
  return { reason: 'PortsTaken', field: `${setPath(shard)}.listeners` };
}

/** A proxy ended since it can't use a certificate. */
function certificateRefused(shard: Shard, trouble: string): Known {
  const secret = secretIn(shard, trouble);
  if (secret === undefined) return undefined;
  const [field = `${dnPath(shard)}: the Secret ${secret}`] = fieldsNaming(shard, secret);
  return { reason: 'CertificateRefused', field };
}

/** The Secret of a shard in whose directory a proxy found something wrong, by what it says. */
export function secretIn(shard: Shard, said: string): string | undefined {
  return shard.secrets.find((name) =>
    ['tls.crt', 'tls.key', 'ca.crt'].some((file) => said.includes(`/${name}/${file}`)),
  );
}
