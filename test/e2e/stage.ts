import type { Story } from '../demo/story.ts';
import type { Cast } from './cast.ts';
import type { Cluster } from './cluster.ts';

/** What every chapter plays on. */
export interface Stage extends Pick<Cluster, 'kubectl' | 'images' | 'inside'> {
  readonly story: Story;
  /** Path of the program. */
  readonly helm: string;
  readonly cast: Cast;
}

/** Seconds since `began`, a time of performance.now(). */
export function since(began: number): string {
  return `${((performance.now() - began) / 1000).toFixed(1)} s`;
}
