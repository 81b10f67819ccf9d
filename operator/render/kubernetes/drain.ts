import { parseDuration } from '../../../proxy/duration.ts';
import type { Shard } from '../../plan/shard.ts';

/** How long a proxy may take to end, s. */
export function drainSeconds({ drainLimit }: Shard): number {
  return Math.ceil(parseDuration(drainLimit) / 1000);
}
