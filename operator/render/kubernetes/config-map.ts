import type { V1ConfigMap } from '@kubernetes/client-node';
import { stringify } from 'yaml';
import type { Shard } from '../../plan/shard.ts';
import { annotation, metadata, type Part } from './metadata.ts';
import type { Place } from './place.ts';

/** The file of the configuration in the ConfigMap, which is mounted as a directory: only those are kept up to date. */
export const configFile = 'proxy.yaml';

/** The shard's configuration, with open places that each proxy fills in. */
export function configMap(shard: Shard, part: Part, place: Place): V1ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata(part, place, '', { [annotation.configuration]: shard.configHash }),
    data: { [configFile]: stringify(shard.config) },
  };
}
