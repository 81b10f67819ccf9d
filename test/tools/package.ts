/**
 * Makes the npm package in the directory named: sipcluster-<version>.tgz. Node refuses to strip types under node_modules,
 * so the package carries JavaScript: the same files without their types, on the same lines.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const [target] = process.argv.slice(2);
if (target === undefined) throw new Error('name the directory for the package');

const tree = mkdtempSync(join(tmpdir(), 'sipcluster-package-'));
try {
  for (const folder of ['operator', 'proxy']) {
    for (const file of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }))
      strip(join(folder, file));
  }
  for (const path of ['crds', 'README.md', 'CHANGELOG.md', 'LICENSE'])
    cpSync(join(root, path), join(tree, path), { recursive: true });
  writeFileSync(join(tree, 'package.json'), manifest());
  mkdirSync(target, { recursive: true });
  const name = execFileSync('npm', ['pack', '--silent', '--pack-destination', resolve(target)], {
    cwd: tree,
    encoding: 'utf8',
  }).trim();
  console.log(join(target, name));
} finally {
  rmSync(tree, { recursive: true });
}

function strip(file: string): void {
  const to = join(tree, file);
  if (file.endsWith('.ts')) {
    const text = stripTypeScriptTypes(readFileSync(join(root, file), 'utf8'));
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(
      to.replace(/\.ts$/, '.js'),
      text.replaceAll(/((?:from|import)\s*\(?\s*')(\.{1,2}\/[^']*)\.ts'/g, "$1$2.js'"),
    );
  } else if (/\.(js|json|yaml|c|sh)$/.test(file)) {
    mkdirSync(dirname(to), { recursive: true });
    cpSync(join(root, file), to);
  }
}

/** package.json with what concerns users only. */
function manifest(): string {
  const {
    private: _private,
    scripts: _scripts,
    devDependencies: _devDependencies,
    allowScripts: _allowScripts,
    ...rest
  } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, unknown>;
  // npm runs it when the package is installed
  const scripts = { install: 'sh proxy/transport/native/build.sh' };
  return `${JSON.stringify({ ...rest, scripts }, undefined, 2)}\n`;
}
