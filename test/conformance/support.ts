// Writes SUPPORT.md from results of the ONNX backend tests: npm run support -- RESULT.json... (from conformance:onnx --json, any targets)
import { readFileSync, writeFileSync } from 'node:fs';
import type { Outcome } from './onnx-run.ts';

interface Result {
  readonly target: string;
  readonly total: number;
  readonly passed: number;
  readonly tests: readonly Outcome[];
}

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error('usage: npm run support -- RESULT.json...');
  process.exit(2);
}
const results = files.map((f) => JSON.parse(readFileSync(f, 'utf8')) as Result);
const targets = [...new Set(results.map((r) => r.target))];
const testsOf = (target: string): Outcome[] => results.filter((r) => r.target === target).flatMap((r) => r.tests);

/** Passed and all tests of an operator on a target, with the dtypes of those that passed. */
function cell(tests: readonly Outcome[]): string {
  const passed = tests.filter((t) => t.status === 'passed');
  if (tests.length === 0) return '';
  // A dtype that no test computed without the host has a star.
  const dtypes = [...new Set(passed.flatMap((t) => t.dtypes ?? []))].sort().map((d) => {
    const onHost = passed.every((t) => !t.dtypes?.includes(d) || (t.host?.length ?? 0) > 0);
    return onHost ? `${d}*` : d;
  });
  const mark = passed.length === tests.length ? '' : `${passed.length} of ${tests.length}: `;
  return passed.length === 0 ? 'no' : `${mark}${dtypes.join(' ')}`;
}

const ops = [...new Set(results.flatMap((r) => r.tests.flatMap((t) => t.op ?? [])))].sort();
const rows = ops.map((op) => {
  const cells = targets.map((target) => cell(testsOf(target).filter((t) => t.op === op)));
  return `| ${op} | ${cells.join(' | ')} |`;
});
const failures = targets.flatMap((target) => {
  const bad = testsOf(target).filter((t) => t.status !== 'passed');
  if (bad.length === 0) return [];
  const reason = (t: Outcome): string =>
    (t.reason.split('\n')[0] ?? '')
      .replace(/\s+\(inputs: .*$/, '')
      .replaceAll('|', '\\|')
      .slice(0, 160);
  return [
    `## Not passed on ${target}`,
    '',
    '| test | status | reason |',
    '| --- | --- | --- |',
    ...bad.map((t) => `| ${t.name} | ${t.status} | ${reason(t)} |`),
    '',
  ];
});
const totals = targets.map((target) => {
  const tests = testsOf(target);
  return `- ${target}: ${tests.filter((t) => t.status === 'passed').length} of ${tests.length} tests passed`;
});

writeFileSync(
  'test/conformance/SUPPORT.md',
  `${[
    '# ONNX operators',
    '',
    "Written by `npm run support` from results of ONNX's own backend tests (`npm run conformance:onnx -- PATH --json FILE`); not edited by hand.",
    'Each cell lists the dtypes that passed; "3 of 4" says that some tests of the operator did not. A star: every test of that dtype had a step on',
    'the host (strings, sequences, results whose size depends on data; doubles on WGSL, as WebAssembly). The rest ran in kernels alone.',
    '',
    ...totals,
    '',
    `| operator | ${targets.join(' | ')} |`,
    `| --- |${' --- |'.repeat(targets.length)}`,
    ...rows,
    '',
    ...failures,
  ].join('\n')}`,
);
console.log(`SUPPORT.md: ${ops.length} operators on ${targets.join(', ')}`);
