#!/usr/bin/env node
// Plain JavaScript that any Node can parse, so that one which is too old gets an answer instead of a syntax error.
import { existsSync } from 'node:fs';

if (Number(process.versions.node.split('.')[0]) < 26) {
  process.stderr.write(
    'sipcluster needs Node.js 26 or newer, and this is ' + process.version + ' (' + process.execPath + ').\n',
  );
  process.exit(1);
}

// A clone runs the TypeScript as it is; the package carries it with the types stripped.
const source = new URL('../cli.ts', import.meta.url);
const cli = await import((existsSync(source) ? source : new URL('../cli.js', import.meta.url)).href);
await cli.main(process.argv.slice(2));
