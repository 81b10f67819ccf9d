import type { ProxyProcess } from '../render/processes.ts';

/** Where one proxy runs: a process of its own, or this one. */
export interface ProxyPlace {
  readonly proxy: ProxyProcess;
  readonly pid: number | undefined;
  start(): void;
  /** Gives it another configuration, of the same restart key, while it runs. */
  update(proxy: ProxyProcess): void;
  /** Ends it in order, by force after 4 s. */
  stop(): Promise<void>;
  kill(): void;
}

/** @param died called whenever the proxy ended although nobody asked for it; it is already on its way back */
export type MakePlace = (proxy: ProxyProcess, died: () => void) => ProxyPlace;
