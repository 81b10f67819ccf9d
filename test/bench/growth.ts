import { spread } from './report.ts';

/** By how much the last tenth of the samples is above the first tenth, of the first: 0.05 is five percent. */
export function growthOf(samples: readonly number[]): number {
  const tenth = Math.max(1, Math.floor(samples.length / 10));
  const first = spread(samples.slice(0, tenth)).median;
  return spread(samples.slice(-tenth)).median / first - 1;
}

/** Samples of something, one each `every` ms until it is told to end. */
export function sampling(every: number, sample: () => number): { end(): number[] } {
  const samples = [sample()];
  const timer = setInterval(() => samples.push(sample()), every);
  return {
    end() {
      clearInterval(timer);
      return [...samples, sample()];
    },
  };
}
