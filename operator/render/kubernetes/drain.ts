import { parseDuration } from '../../../proxy/duration.ts';
import type { Shard } from '../../plan/shard.ts';

/** What a proxy may take beyond its drain's limit to write its last records, s. */
const lastRecords = 10;

/** How long a pod may be there after it was told to end, s: then it is killed. */
export function graceSeconds(shard: Shard): number {
  return drainSeconds(shard) + lastRecords;
}

/** How long a proxy may take to end, s. */
function drainSeconds({ drainLimit }: Shard): number {
  return Math.ceil(parseDuration(drainLimit) / 1000);
}
