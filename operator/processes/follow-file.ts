import { readFileSync, unwatchFile, watchFile } from 'node:fs';

/** ms between looks at the file. Looking finds every way of replacing it: editors rename, Kubernetes swaps a link. */
const INTERVAL = 200;

/**
 * Calls `changed` with a file's new text whenever it differs from the last, and has stayed the same for two looks
 * (a writer may be half-way). A file that is away for a moment, or for good, is no change.
 * @returns ends it
 */
export function followFile(path: string, text: string, changed: (text: string) => void): () => void {
  let known = text;
  let candidate = text;
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    clearTimeout(timer);
    let now: string;
    try {
      now = readFileSync(path, 'utf8');
    } catch {
      return;
    }
    if (now === known) {
      candidate = now;
      return;
    }
    if (now !== candidate) {
      candidate = now;
      timer = setTimeout(look, INTERVAL);
      return;
    }
    known = now;
    changed(now);
  };
  watchFile(path, { interval: INTERVAL, persistent: false }, look);
  return () => {
    clearTimeout(timer);
    unwatchFile(path, look);
  };
}
