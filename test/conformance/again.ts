import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A step of one run: microseconds as measured, and without the garbage collector. */
export interface LongStep {
  /** Of which case. */
  readonly index: number;
  readonly what: string;
  readonly us: number;
  readonly own: number;
}

/** Fresh processes that a long step is looked for in again. */
const AGAIN = 2;

/**
 * The steps that are long in every run, each with the least that it took: their cases are run again in up to two processes of their own,
 * after the same warm-up, so that nothing that this process knows by now (formats, sets of tokens, compiled code) makes them shorter. What is
 * long once only is the operating system's or the engine's doing.
 */
export function longAgain(steps: readonly LongStep[], bar: number, args: readonly string[]): readonly LongStep[] {
  let left = steps;
  for (let run = 0; run < AGAIN && left.length > 0; run++) {
    const taken = new Map(runAgain([...new Set(left.map(({ index }) => index))], args).map((s) => [s.what, s]));
    left = left.flatMap((step) => {
      const other = taken.get(step.what);
      const both = other && { ...step, us: Math.min(step.us, other.us), own: Math.min(step.own, other.own) };
      return both && both.us > bar ? [both] : [];
    });
  }
  return left;
}

function runAgain(indices: readonly number[], args: readonly string[]): readonly LongStep[] {
  const folder = mkdtempSync(join(tmpdir(), 'infc-again-'));
  const json = join(folder, 'report.json');
  try {
    const own = [...process.execArgv, process.argv[1] ?? '', ...args, '--cases', indices.join(), '--json', json];
    const { status, stderr } = spawnSync(process.execPath, own, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`running long steps again failed: ${stderr}`);
    return (JSON.parse(readFileSync(json, 'utf8')) as { long: readonly LongStep[] }).long;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
