import type { Problem } from './conditions.ts';
import { secretFields } from './field-names.ts';
import type { Plan } from './plan/plan.ts';

/** Secrets that are not there, of those that only proxies read. */
export interface MissingSecrets {
  readonly problems: readonly Problem[];
  /** Names of the shards whose new pods could not start: what runs there stays as it is until the Secret is there. */
  readonly shards: readonly string[];
}

/**
 * Looks for the Secrets of listeners and members that a plan's proxies mount.
 * @param exists whether there is a Secret of that name; what is in it is the proxies' business
 */
export async function missingSecrets(
  { shards }: Plan,
  exists: (name: string) => Promise<boolean>,
): Promise<MissingSecrets> {
  const named = shards.flatMap((shard) => secretFields(shard).map((found) => ({ ...found, shard: shard.name })));
  const missing = new Set<string>();
  for (const secret of new Set(named.map((found) => found.secret))) if (!(await exists(secret))) missing.add(secret);
  const lacking = named.filter(({ secret }) => missing.has(secret));
  const messages = new Set(lacking.map(({ field, secret }) => `${field}: the Secret ${secret} is missing`));
  return {
    problems: [...messages].map((message) => ({ type: 'ConfigurationValid', reason: 'SecretMissing', message })),
    shards: [...new Set(lacking.map(({ shard }) => shard))],
  };
}
