// One case of test/bench/hostile.mjs in a process of its own: NAME ORDER DATA STEPS [CANCEL], DATA being what `hostile-data.ts` wrote. Says when it
// is ready, waits for a line, then prints a line of JSON. With CANCEL the signal turns after so many milliseconds, and `late` is how long the work
// went on after that. After the text STEPS random tokens are taken from the start, and as many under a limit that masks keep, and one that they
// do not.
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { constrain, type Matcher, type MatcherOptions } from '../../grammars/index.ts';
import { InfcError } from '../../runtime/errors.ts';
import type { Opened } from '../grammars/hostile/case.ts';
import { HOSTILE } from '../grammars/hostile/index.ts';
import { choose } from '../grammars/random-walk.ts';
import { readData } from './hostile-data.ts';

const [, , name = '', order, data = '', steps = '0', cancel] = process.argv;
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

/** A generator of numbers from 0 to 1. */
let seed = 29117;
function next(): number {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t ^= t + Math.imul(t ^ (t >>> 7), 61 | t);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

/** Takes random tokens. What the shortest text is too long for says so; all else that goes wrong is thrown. */
function wander(opened: Opened, options: MatcherOptions): void {
  const most = Number(steps);
  let walking: Matcher;
  try {
    walking = opened.matcher(vocabulary, options);
  } catch (error) {
    line.random += lap();
    if (error instanceof InfcError && error.code === 'INFC5011') return;
    throw error;
  }
  while (!walking.done && walking.length < most) {
    let token = choose(next, walking.mask(), vocabulary.size);
    for (let tries = 0; token >= 0 && !walking.tryCommit(token); tries++)
      token = choose(next, tries < 8 ? walking.mask() : walking.soonest(), vocabulary.size);
    const ms = lap();
    line.random += ms;
    line.longestRandom = Math.max(line.longestRandom, ms);
    if (token < 0) throw new Error('dead end');
  }
  if (options.maxTokens !== undefined && !walking.done) throw new Error('the limit was not kept');
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
  random: 0,
  longestRandom: 0,
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
let phase: 'open' | 'mask' | 'walk' | 'random' = 'open';
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
  phase = 'random';
  const limits: readonly MatcherOptions[] = [
    {},
    { maxTokens: Number(steps), closing: 'masks' },
    { maxTokens: Number(steps), closing: 'lazily' },
  ];
  for (const limit of Number(steps) > 0 ? limits : []) wander(opened, limit);
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
