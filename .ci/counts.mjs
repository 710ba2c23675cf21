// `node counts.mjs report.json`: passed failed skipped of vitest's JSON report; with --skipped, the name of every skipped test.
import { readFileSync } from 'node:fs';

const [file, mode] = process.argv.slice(2);
const report = JSON.parse(readFileSync(file, 'utf8'));
if (mode === '--skipped') {
  for (const suite of report.testResults) {
    for (const t of suite.assertionResults) {
      if (t.status !== 'passed' && t.status !== 'failed') console.log(`skip  ${t.fullName}`);
    }
  }
} else {
  // A file that could not even be loaded has no tests to count: it is one failure.
  const broken = report.testResults.filter((s) => s.status === 'failed' && s.assertionResults.every((t) => t.status !== 'failed')).length;
  console.log(report.numPassedTests, report.numFailedTests + broken, report.numPendingTests + report.numTodoTests);
}
