// `node counts.mjs report.json`: passed failed skipped of vitest's JSON report. With --skipped or --failed, the tests concerned; with
// --slowest, the files that took longest.
import { readFileSync } from 'node:fs';

const [file, mode] = process.argv.slice(2);
const report = JSON.parse(readFileSync(file, 'utf8'));
if (mode === '--skipped') {
  for (const suite of report.testResults) {
    for (const t of suite.assertionResults) {
      if (t.status !== 'passed' && t.status !== 'failed') console.log(`skip  ${t.fullName}`);
    }
  }
} else if (mode === '--failed') {
  for (const suite of report.testResults) {
    if (suite.status === 'failed' && suite.assertionResults.length === 0)
      console.log(`FAIL  ${short(suite.name)}: ${first(suite.message)}`);
    for (const t of suite.assertionResults) {
      if (t.status === 'failed')
        console.log(`FAIL  ${short(suite.name)}: ${t.fullName}\n      ${first(t.failureMessages[0])}`);
    }
  }
} else if (mode === '--slowest') {
  const files = report.testResults
    .map((s) => [Math.round((s.endTime - s.startTime) / 1000), short(s.name)])
    .sort((a, b) => b[0] - a[0]);
  console.log(
    `slowest: ${files
      .slice(0, 5)
      .map(([t, name]) => `${name} ${t} s`)
      .join(', ')}`,
  );
} else {
  // A file that could not even be loaded has no tests to count: it is one failure.
  const broken = report.testResults.filter(
    (s) => s.status === 'failed' && s.assertionResults.every((t) => t.status !== 'failed'),
  ).length;
  console.log(report.numPassedTests, report.numFailedTests + broken, report.numPendingTests + report.numTodoTests);
}

function short(name) {
  return name.slice(name.lastIndexOf('/test/') + 1);
}

function first(message = '') {
  return message.split('\n').slice(0, 2).join(' ').slice(0, 300);
}
