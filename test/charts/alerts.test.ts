import { execFile } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { parse } from 'yaml';

const run = promisify(execFile);
const unitTests = fileURLToPath(new URL('alerts.promtool.yaml', import.meta.url));
const alerts = new URL('../../charts/sipcluster/files/alerts.yaml', import.meta.url);

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string }[] }[];
}
interface UnitTests {
  readonly tests: readonly {
    readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[];
  }[];
}

/** Of the PATH, or where test/tools/install-promtool.sh puts it. */
function promtool(): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), join(homedir(), '.cache', 'sipcluster', 'bin')];
  return folders
    .map((folder) => join(folder, 'promtool'))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

describe('the alerts of the chart, as Prometheus itself evaluates them', function () {
  this.timeout(30_000);

  it('fire for what they are for, and not for what is next to it', async function () {
    const program = promtool();
    if (program === undefined) {
      console.error('      skipped: no promtool in the PATH or the cache; test/tools/install-promtool.sh gets it');
      this.skip();
    }
    const { stdout } = await run(program, ['test', 'rules', unitTests]);
    expect(stdout).to.contain('SUCCESS');
  });

  it('are each seen to fire, and not to', () => {
    const { groups } = parse(readFileSync(alerts, 'utf8')) as Rules;
    const { tests } = parse(readFileSync(unitTests, 'utf8')) as UnitTests;
    const cases = tests.flatMap((one) => one.alert_rule_test);
    const of = (fires: boolean) =>
      new Set(cases.filter(({ exp_alerts: all }) => all.length > 0 === fires).map(({ alertname }) => alertname));
    const names = groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
    expect(names.filter((name) => !of(true).has(name) || !of(false).has(name))).to.deep.equal([]);
  });
});
