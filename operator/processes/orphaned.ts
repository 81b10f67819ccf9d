/** How often the parent is looked at, ms. */
const EVERY = 500;

/**
 * npx ends on a signal without passing it on, and leaves its command running without a parent. Calls back once when that
 * has happened. Nothing happens to a command that npx did not start: it may well outlive the shell it was started from.
 * @returns ends the watching
 */
export function onOrphaned(callback: () => void): () => void {
  if (process.env['npm_command'] !== 'exec') return () => undefined;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    callback();
  }, EVERY);
  timer.unref();
  return () => clearInterval(timer);
}
