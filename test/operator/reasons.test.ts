import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { conditionReasons, eventReasons } from '../../operator/reasons.ts';

describe('the reasons of conditions and Events', () => {
  /** Every text in quotes, where conditions and Events are made, and where a store says what is wrong. */
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const files = globSync('{operator,proxy/store}/**/*.ts', { cwd: root }).filter(
    (file) => !file.endsWith('reasons.ts'),
  );
  const said = new Set(
    files.flatMap((file) => [...readFileSync(`${root}/${file}`, 'utf8').matchAll(/'([A-Z]\w+)'/g)].map((m) => m[1])),
  );

  it('are each said somewhere: what the list has is no more than what can be seen', () => {
    const listed = [...Object.values(conditionReasons).map(({ reasons }) => reasons), eventReasons];
    const unsaid = listed.flatMap((reasons) => Object.keys(reasons)).filter((reason) => !said.has(reason));
    expect(unsaid).to.deep.equal([]);
  });

  it('have the form that the Kubernetes API asks of them', () => {
    for (const { reasons } of Object.values(conditionReasons))
      for (const reason of Object.keys(reasons)) expect(reason).to.match(/^[A-Z][A-Za-z]{1,60}$/);
  });
});
