const folder = process.env.FOLDER ?? 'sip';

module.exports = {
  spec: [`test/proxy/${folder}/*.test.ts`],
  ignore: ['**/machine-drawings.test.ts', '**/any-order.test.ts', '**/own-text.test.ts'],
  timeout: 10_000,
  reporter: 'dot',
  require: ['./test/mutation/fewer-runs.ts'],
};
