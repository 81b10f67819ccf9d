'use strict';
// Mocha's spec reporter, closing with one line that people and CI count by: `N passed, N failed[, N skipped]`.
const { writeFileSync } = require('node:fs');
const { reporters } = require('mocha');

class CountReporter extends reporters.Spec {
  epilogue() {
    super.epilogue();
    const { passes, failures, pending } = this.stats;
    const count = `${passes} passed, ${failures} failed${pending > 0 ? `, ${pending} skipped` : ''}`;
    process.stdout.write(`${count}\n`);
    const file = process.env['TEST_COUNT'];
    if (file !== undefined && file !== '') writeFileSync(file, `${count}\n`);
  }
}

module.exports = CountReporter;
