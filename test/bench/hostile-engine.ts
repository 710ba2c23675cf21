// One case of test/bench/hostile.mjs in a process of its own: NAME ORDER DATA [CANCEL], DATA being what `hostile-data.ts` wrote. Says when it is
// ready, waits for a line, then prints a line of JSON. With CANCEL the signal turns after so many milliseconds, and `late` is how long the work
// went on after that.
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { constrain, type Matcher } from '../../grammars/index.ts';
import { InfcError } from '../../runtime/errors.ts';
import { HOSTILE } from '../grammars/hostile/index.ts';
import { readData } from './hostile-data.ts';

const [, , name = '', order, data = '', cancel] = process.argv;
const hostile = HOSTILE.find((x) => x.name === name);
if (!hostile) throw new Error(`there is no case '${name}'`);
const { vocabulary, tokens } = readData(data, name);
// What belongs to the vocabulary alone is there before a user's first schema.
constrain({ type: 'string' }).matcher(vocabulary).mask();
const open = hostile.make();
const input = createInterface({ input: process.stdin });
process.stdout.write('ready\n');
await new Promise((resolve) => input.once('line', resolve));
input.close();

/** Collects what is garbage and gives its pages back, so that the next ones count. */
function collect(): void {
  const gc: ((options: object) => void) | undefined = Reflect.get(globalThis, 'gc');
  for (let i = 0; i < 3; i++) gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

/** Resident bytes at most since the last call, where the system tells (Linux), else since the process began. */
function peak(): number {
  try {
    const line = /VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'));
    writeFileSync('/proc/self/clear_refs', '5');
    return Number(line?.[1] ?? 0) / 1024;
  } catch {
    return process.resourceUsage().maxRSS / 1024;
  }
}

collect();
peak();
const before = process.memoryUsage();
const line = {
  name,
  order,
  open: 0,
  mask: 0,
  walk: 0,
  longest: 0,
  tokens: 0,
  taken: true,
  kept: 0,
  peak: 0,
  code: '',
  place: '',
  reason: '',
};
let at = performance.now();
const lap = (): number => {
  const now = performance.now();
  const ms = now - at;
  at = now;
  return ms;
};
const deadline = cancel === undefined ? Number.POSITIVE_INFINITY : at + Number(cancel);
const signal = {
  get aborted(): boolean {
    return performance.now() > deadline;
  },
};
let phase: 'open' | 'mask' | 'walk' = 'open';
let matcher: Matcher | undefined;
try {
  const opened = await open({ order: order === 'any' ? 'any' : 'schema', signal });
  matcher = opened.matcher(vocabulary);
  line.open = lap();
  phase = 'mask';
  matcher.maskId();
  line.mask = lap();
  phase = 'walk';
  for (const token of tokens) {
    if (!matcher.allows(token) || !matcher.tryCommit(token)) {
      line.taken = false;
      break;
    }
    const ms = lap();
    line.walk += ms;
    line.longest = Math.max(line.longest, ms);
    line.tokens++;
  }
  if (line.taken) matcher.maskId();
  line.walk += lap();
} catch (error) {
  line[phase] += lap();
  line.code = error instanceof InfcError ? error.code : 'CRASH';
  if (error instanceof InfcError)
    line.place = `${error.place.pointer ?? '?'} ${error.place.keyword ?? '?'}`.slice(0, 120);
  line.reason = (error instanceof Error ? error.message : String(error)).slice(0, 200);
}
const late = Math.max(0, performance.now() - deadline);
line.peak = Math.max(0, peak() - before.rss / 2 ** 20);
collect();
const after = process.memoryUsage();
line.kept = (after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers) / 2 ** 20;
process.stdout.write(`${JSON.stringify({ ...line, late })}\n`);
process.exit(0);
