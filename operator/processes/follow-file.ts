import { readFileSync, statSync } from 'node:fs';

/** ms between looks at the file. Looking finds every way of replacing it: editors rename, Kubernetes swaps a link. */
const INTERVAL = 200;

/**
 * Calls `changed` with a file's new text whenever it differs from the last, and has stayed the same for two looks
 * (a writer may be half-way). A file that is away for a moment, or for good, is no change.
 * @param text what is known of it; the file may have changed since
 * @returns ends it
 */
export function followFile(path: string, text: string, changed: (text: string) => void): () => void {
  let known = text;
  let stamp = '';
  let unsettled: string | undefined;
  const look = (): void => {
    let now: string;
    try {
      const { ino, size, mtimeMs } = statSync(path);
      const last = stamp;
      stamp = `${ino} ${size} ${mtimeMs}`;
      if (stamp === last && unsettled === undefined) return;
      now = readFileSync(path, 'utf8');
    } catch {
      stamp = '';
      return;
    }
    if (now === known) {
      unsettled = undefined;
    } else if (now !== unsettled) {
      unsettled = now;
    } else {
      unsettled = undefined;
      known = now;
      changed(now);
    }
  };
  const timer = setInterval(look, INTERVAL).unref();
  return () => clearInterval(timer);
}
