/**
 * Breaks one folder of proxy/, that which FOLDER names, and runs the tests of that folder: what only the tests of others
 * would notice is not tested where a reader looks for it.
 */
const folder = process.env.FOLDER ?? 'sip';

module.exports = {
  testRunner: 'mocha',
  plugins: ['@stryker-mutator/mocha-runner'],
  mochaOptions: { config: 'test/mutation/mocharc.cjs' },
  testRunnerNodeArgs: ['--disable-warning=ExperimentalWarning'],
  mutate: [`proxy/${folder}/*.ts`],
  // TypeScript 7 has no JavaScript API, which Stryker would read tsconfig.json by
  tsconfigFile: 'none',
  coverageAnalysis: 'perTest',
  // What runs once, at import, needs a process of its own and all tests for each breakage: tables and constants, which
  // the tests of the machines and the drawings compare as a whole
  ignoreStatic: true,
  ignorePatterns: [
    '*',
    '!proxy/**',
    '!test/proxy/sip/**',
    '!test/proxy/transaction/**',
    '!test/builders.ts',
    '!test/tools/*',
    '!docs/sip.md',
    '!package.json',
    '!test/mutation/**',
  ],
  concurrency: 2,
  tempDirName: '.sipcluster/stryker',
  incremental: true,
  incrementalFile: `.sipcluster/mutation-${folder}.json`,
  reporters: ['clear-text', 'progress-append-only'],
  clearTextReporter: { allowColor: false, reportTests: false, allowEmojis: false },
  allowConsoleColors: false,
  thresholds: { high: 90, low: 80, break: 80 },
  // Endless loops end by being counted, at 100 times the usual; the clock is for what spins elsewhere, and must not take
  // a machine with other work for one: seconds
  timeoutMS: Number(process.env.TIMEOUT ?? 120) * 1000,
  timeoutFactor: 3,
  dryRunTimeoutMinutes: 30,
};
