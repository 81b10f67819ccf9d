import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const source = fileURLToPath(new URL('../../proxy/log.ts', import.meta.url));

/** What a process writes that opens a log and runs `script` with it. */
function written(script: string): string {
  const program = `import { openLog } from ${JSON.stringify(source)}; const log = openLog({ level: 'info', name: 'p0' }); ${script}`;
  return execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
}

describe('the log', () => {
  it('is JSON where it is no terminal, with the time and the name of who wrote it', () => {
    const line = JSON.parse(written("log.info({ aor: 'alice@example.com' }, 'registered')")) as Record<string, unknown>;
    expect(line).to.include({ level: 30, name: 'p0', aor: 'alice@example.com', msg: 'registered' });
    expect(line['time']).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('leaves out what is below its level', () => {
    expect(written("log.debug('message')")).to.equal('');
  });

  it('never shows credentials, on their own or in what they belong to', () => {
    const text = written(`
      log.info({ authorization: 'Digest hunter2', request: { proxyAuthorization: 'hunter2' }, auth: { password: 'hunter2' } }, 'x');
      log.info({ key: { secret: 'hunter2' } }, 'x');
    `);
    expect(text).not.to.include('hunter2');
    expect(text.match(/\[secret\]/g)).to.have.length(4);
  });

  it('has written a fatal line, and all before it, when the process exits right after', () => {
    const lines = written("for (let n = 0; n < 500; n++) log.info({ n }, 'x'); log.fatal('the end'); process.exit(0)")
      .trim()
      .split('\n');
    expect(lines).to.have.length(501);
    expect(lines.at(-1)).to.include('the end');
  });
});
