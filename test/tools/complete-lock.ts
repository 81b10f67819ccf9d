/**
 * Adds to package-lock.json the optional packages of other platforms that npm left out. It leaves out what the registry at
 * hand doesn't have, and `npm ci` then refuses the file everywhere. With --check it only says what is missing, and exits 1.
 */
import { readFileSync, writeFileSync } from 'node:fs';

interface Locked {
  readonly dev?: boolean;
  readonly version?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const file = new URL('../../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, Locked> };
const missing = Object.entries(lock.packages).flatMap(([path, parent]) =>
  Object.entries(parent.optionalDependencies ?? {})
    .filter(([name, version]) => /^\d+\.\d+\.\d+$/.test(version) && !isLocked(path, name))
    .map(([name, version]) => ({ name, version, dev: parent.dev === true })),
);

if (process.argv.includes('--check')) {
  for (const { name, version } of missing) console.error(`package-lock.json lacks ${name}@${version}`);
  if (missing.length > 0) {
    console.error('run `node test/tools/complete-lock.ts`');
    process.exitCode = 1;
  }
} else if (missing.length > 0) {
  for (const { name, version, dev } of missing) {
    lock.packages[`node_modules/${name}`] = {
      version,
      ...platform(name),
      ...(dev ? { dev } : {}),
      optional: true,
    } as Locked;
  }
  const sorted = Object.entries(lock.packages).toSorted(([a], [b]) => a.localeCompare(b, 'en'));
  writeFileSync(file, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, undefined, 2)}\n`);
  console.log(`${missing.length} packages of other platforms added`);
}

/** As Node would find it from the package at `path`. */
function isLocked(path: string, name: string): boolean {
  for (let at = path; ; at = at.slice(0, Math.max(at.lastIndexOf('node_modules/') - 1, 0))) {
    if (lock.packages[at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`] !== undefined) return true;
    if (at === '') return false;
  }
}

/** What the package's name says of where it is for: `@swc/core-linux-arm64-musl`. npm installs it nowhere else. */
function platform(name: string): { readonly os?: string[]; readonly cpu?: string[]; readonly libc?: string[] } {
  const os = /\b(aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)\b/.exec(name)?.[1];
  const cpu = /\b(arm64|arm|ia32|loong64|mips64el|ppc64|riscv64|s390x|wasm32|x64)\b/.exec(name)?.[1];
  const libc =
    os !== 'linux' ? undefined : name.endsWith('-musl') ? 'musl' : name.endsWith('-gnu') ? 'glibc' : undefined;
  if (os === undefined && cpu === undefined) throw new Error(`the name of ${name} does not say where it is for`);
  return {
    ...(cpu === undefined ? {} : { cpu: [cpu] }),
    ...(libc === undefined ? {} : { libc: [libc] }),
    ...(os === undefined ? {} : { os: [os] }),
  };
}
