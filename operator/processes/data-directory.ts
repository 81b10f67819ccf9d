import {
  accessSync,
  constants,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { ServerFile } from '../../proxy/config-file.ts';
import { UserError } from '../user-error.ts';

/** What `up` leaves in its data directory for `status` and `registrations`: up.json. */
export interface UpState {
  readonly pid: number;
  /** ISO 8601. */
  readonly startedAt: string;
  /** Absolute path of the manifest. */
  readonly manifest: string;
  readonly proxies: readonly UpProxy[];
  readonly shards: readonly UpShard[];
  readonly stores: readonly { readonly geoLocation: string; readonly endpoints: readonly string[] }[];
}

/** The SIP Servers of one (cluster, switch, DN). */
export interface UpShard {
  readonly cluster: string;
  readonly switch: string;
  readonly dn: string;
  readonly servers: readonly ServerFile[];
}

export interface UpProxy {
  readonly name: string;
  readonly geoLocation: string;
  readonly cluster: string;
  readonly switch: string;
  readonly dn: string;
  readonly address: string;
  /** `http://address:port` */
  readonly admin: string;
}

const STATE = 'up.json';
const LOCK = 'up.lock';

/** The folder that holds what one `up` needs while it runs, and etcd's data between runs. One process at a time. */
export class DataDirectory {
  readonly path: string;

  /** Makes the folder and locks it. Throws UserError if it can't be written to, or if a process that is alive holds it. */
  constructor(directory: string) {
    this.path = resolve(directory);
    try {
      makeDirectory(this.path);
      accessSync(this.path, constants.R_OK | constants.W_OK | constants.X_OK);
      this.#lock();
    } catch (error) {
      if (error instanceof UserError) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      const why =
        code === 'EACCES' || code === 'EPERM'
          ? 'no rights to write there'
          : code === 'EROFS'
            ? 'the file system is read-only'
            : message;
      throw new UserError(`can't use ${this.path} as data directory: ${why}. Name another one by --data-dir.`, {
        cause: error,
      });
    }
  }

  #lock(): void {
    const lock = join(this.path, LOCK);
    const mine = `${lock}.${process.pid}`;
    // linked, not created: a lock file is never seen without its content
    writeFileSync(mine, `${JSON.stringify({ pid: process.pid, birth: birthOf(process.pid) })}\n`);
    try {
      for (let tries = 0; ; tries++) {
        try {
          linkSync(mine, lock);
          return;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        }
        const holder = readHolder(lock);
        if (holder !== undefined && isAlive(holder)) {
          throw new UserError(
            `${this.path} is held by another \`sipcluster up\` (pid ${holder.pid}). End it, or name another directory by --data-dir.`,
          );
        }
        if (tries > 3) throw new UserError(`${lock} can't be taken over: remove it`);
        rmSync(lock, { force: true });
      }
    } finally {
      rmSync(mine, { force: true });
    }
  }

  of(...names: string[]): string {
    return join(this.path, ...names);
  }

  write(state: UpState): void {
    replaceFile(this.of(STATE), `${JSON.stringify(state, undefined, 2)}\n`);
  }

  /** Takes the state and the lock away. */
  release(): void {
    rmSync(this.of(STATE), { force: true });
    rmSync(this.of(LOCK), { force: true });
  }
}

/** Reads what the running `up` of a data directory wrote. Throws UserError if none runs there. */
export function readUpState(directory: string): UpState {
  const path = resolve(directory);
  let state: UpState;
  try {
    // written by write() above
    state = JSON.parse(readFileSync(join(path, STATE), 'utf8')) as UpState;
  } catch {
    throw new UserError(`no \`sipcluster up\` runs in ${path}. Start one, or name its directory by --data-dir.`);
  }
  const holder = readHolder(join(path, LOCK));
  if (holder === undefined || !isAlive(holder)) {
    throw new UserError(`the \`sipcluster up\` of ${path} (pid ${state.pid}) no longer runs. Start it again.`);
  }
  return state;
}

/** Puts a file in place at once: whoever watches it never reads half of it. */
export function replaceFile(path: string, text: string): void {
  const next = `${path}.next`;
  writeFileSync(next, text, { mode: 0o600 });
  renameSync(next, path);
}

interface Holder {
  readonly pid: number;
  /** When the process started, so that another one with its id is not taken for it; empty where /proc does not tell. */
  readonly birth: string;
}

function readHolder(lock: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(lock, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

function isAlive({ pid, birth }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return birth === birthOf(pid);
}

/** Field 22 of /proc/PID/stat: clock ticks from boot to the process's start. */
function birthOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // the name in parentheses may hold blanks
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

/** Folder by folder: Node's own recursive mkdir never returns where the system says ENOENT below a folder that exists (/proc). */
function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeDirectory(parent);
  mkdirSync(path, { mode: 0o700 });
}
