/** Own addresses in 127.0.0.0/8, apart from those of other processes and of each other: tests may run side by side. */
let taken = 0;

/** The next address of this process's own: `127.64.12.1`, `127.64.12.2`, … */
export function ownAddress(): string {
  taken += 1;
  if (taken > 254) throw new Error('a test process has 254 loopback addresses and all are taken');
  return `127.${64 + (Math.floor(process.pid / 256) % 128)}.${process.pid % 256}.${taken}`;
}
