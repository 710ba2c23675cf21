import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../kit/root.ts';

/** Runs a conformance script: its exit code, and what it says of an error. */
function conformance(...args: string[]): { readonly status: number | null; readonly stderr: string } {
  const script = path.join(root, 'test/conformance/run.mjs');
  return spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });
}

describe('wrong arguments of conformance scripts', () => {
  it.each([
    [2, /^INFC8002: unknown option '--bogus'/, ['regex', '--bogus']],
    [2, /^INFC8003: FILE is missing/, ['regex']],
    [3, /^INFC8005: no such file or folder \(nowhere\.jsonl\.gz\)/, ['schema', 'nowhere.jsonl.gz']],
    [2, /^INFC8003: this is no \.jsonl\.gz file/, ['walks', path.join(root, 'package.json')]],
    [3, /^INFC8005: no such folder \(nowhere\)/, ['jsts', root, '--json', 'nowhere/report.json']],
    [2, /^INFC8003: --strings is 'x', not a whole number/, ['grammars', root, '--strings', 'x']],
  ])(
    'exit code %i: %s',
    (status, message, args) => {
      const done = conformance(...args);
      expect(done.stderr).toMatch(message);
      expect(done.stderr).not.toMatch(/^ {4}at /m);
      expect(done.status).toBe(status);
    },
    30_000,
  );
});
