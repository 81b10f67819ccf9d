/** Own addresses in 127.0.0.0/8, apart from those of other processes and of each other: tests may run side by side. */
let taken = 0;

/** A network has this many hosts, and a process this many networks. */
const HOSTS = 254;
const NETWORKS = 3;

/** The next address of this process's own: `127.64.12.1`, `127.64.12.2`, … */
export function ownAddress(): string {
  const network = Math.floor(taken / HOSTS);
  if (network === NETWORKS) throw new Error(`a test process has ${HOSTS * NETWORKS} loopback addresses, all taken`);
  const host = (taken % HOSTS) + 1;
  taken += 1;
  return `127.${64 + 60 * network + (Math.floor(process.pid / 256) % 60)}.${process.pid % 256}.${host}`;
}
