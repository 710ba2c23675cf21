// npm run conformance:schema -- FILE.jsonl.gz... [--vocab TOKENIZER.json] [--json FILE] [--every N] [--offset K] [--only ID] [--verbose] [--cpu]
// [--artifact STATES]: with constraints compiled ahead of time, of so many states at most; `ttfm` is then the time to open one, and `tbm` counts
// steps between states that it holds. [--max-tokens N]: masks under a limit of N tokens beyond those of the instance and its end.
// [--cold]: without `warmUp`, so that tables of the vocabulary and code not compiled yet are in the figures.
// [--prepare MS]: after the first mask, work ahead for so long as if while a model read its prompt; it is in no figure.
// [--cases I,J...]: of the selection these alone, and nothing again.
// `over_5ms`: the steps over the bar as measured, how many are without the garbage collector, and what of them is `repeatable`: see again.ts.
import { writeFileSync } from 'node:fs';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { compileConstraint } from '../../grammars/artifact/artifact.ts';
import { openArtifact } from '../../grammars/artifact/artifact-machine.ts';
import { JsonMasks } from '../../grammars/json/masks/masks.ts';
import { openSchema } from '../../grammars/json/session.ts';
import { ClosingMasks } from '../../grammars/matching/closing.ts';
import { Matcher } from '../../grammars/matching/matcher.ts';
import type { TokenMachine } from '../../grammars/matching/token-machine.ts';
import { warmUp } from '../../grammars/warm-up.ts';
import { InfcError } from '../../runtime/errors.ts';
import { type LongStep, longAgain } from './again.ts';
import { readArguments, someCaseFiles } from './arguments.ts';
import { type Case, openCases } from './cases.ts';
import { quantile, round } from './statistics.ts';

interface Outcome {
  readonly id: string;
  readonly status: 'pass' | 'refused' | 'wrong';
  readonly reason?: string;
}

const options = readArguments(
  'conformance:schema -- FILE.jsonl.gz... [--vocab TOKENIZER.json] [--json FILE] [--every N] [--offset K] [--verbose]',
  ['vocab', 'json', 'every', 'offset', 'only', 'artifact', 'max-tokens', 'prepare', 'cases'],
  ['verbose', 'cpu', 'cold'],
);
const verbose = options.flag('verbose');
const maxStates = options.number('artifact', 0);
const prepareMs = options.number('prepare', 0);
const spare = options.number('max-tokens', Number.POSITIVE_INFINITY);

const NONE = new Uint8Array(0);
const NO_TOKENS = new Int32Array(0);
/** The longest that a step should take, in microseconds. */
const BAR = 5000;
const cases = await openCases({
  files: someCaseFiles(options.positionals),
  vocab: options.value('vocab'),
  every: options.number('every', 1, 1),
  offset: options.number('offset', 0),
  only: options.value('only'),
});
const chosen = options.value('cases')?.split(',').map(Number);
if (!(chosen ?? [0]).every((i) => i >= 0 && i < cases.count))
  throw new InfcError('INFC8003', `${cases.count} cases are selected, and none of that number`, {
    fix: 'Choose others with --every, --offset, --only and --cases',
  });
const { vocabulary } = cases;
/** Milliseconds of wall time, or with --cpu of processor time (for machines that do other work at the same time). */
const clock = options.flag('cpu')
  ? () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    }
  : () => performance.now();
const ttfm: number[] = [];
const tbm: number[] = [];
const list: Outcome[] = [];
interface Slow {
  /** Of which case; for first masks -1. */
  readonly index: number;
  readonly us: number;
  readonly what: string;
  readonly start: number;
  readonly end: number;
}
/** Steps over 2 ms and first masks over 5 ms. */
const slow: Slow[] = [];
/** Pauses for garbage collection: of young objects (minor) or of all (whole collections and their steps). */
const pauses: { readonly start: number; readonly end: number; readonly minor: boolean }[] = [];
new PerformanceObserver((list) => {
  for (const { startTime: start, duration, detail } of list.getEntries() as readonly (PerformanceEntry & {
    detail?: unknown;
  })[])
    pauses.push({ start, end: start + duration, minor: kindOf(detail) === constants.NODE_PERFORMANCE_GC_MINOR });
}).observe({ entryTypes: ['gc'] });
function kindOf(detail: unknown): unknown {
  return typeof detail === 'object' && detail !== null && 'kind' in detail ? detail.kind : undefined;
}
/** Microseconds of a step in which the garbage collector had stopped it, for minor collections and for others. */
function paused({ start, end }: Slow): { minor: number; major: number } {
  const sum = { minor: 0, major: 0 };
  for (const p of pauses)
    sum[p.minor ? 'minor' : 'major'] += Math.max(0, Math.min(end, p.end) - Math.max(start, p.start)) * 1000;
  return sum;
}
const noted = (index: number, us: number, what: string): void => {
  const end = performance.now();
  slow.push({ index, us, what, start: end - us / 1000, end });
};
/** Slow steps by kind of state: count and microseconds. */
const kinds = new Map<string, [number, number]>();

function run({ id, schema, tests }: Case, texts: readonly Int32Array[], ofCase?: number): Outcome {
  const record = ofCase !== undefined;
  let masks: TokenMachine;
  let live: JsonMasks;
  let held: (state: number) => boolean = () => true;
  const unspelled = tests.findIndex(({ text }, i) => rest(texts[i] ?? NO_TOKENS, 0).trimStart() !== text.trimStart());
  if (unspelled >= 0) return { id, status: 'refused', reason: `the tokenizer does not spell test ${unspelled}` };
  let began = clock();
  try {
    const { acceptor } = openSchema(schema, {
      order: 'any',
      whitespace: 'json',
      escapes: 'any',
      ...(maxStates > 0 ? { repeats: 'unlisted' as const } : {}),
    });
    live = new JsonMasks(acceptor, vocabulary);
    masks = live;
    if (acceptor.start === 0)
      return { id, status: tests.every((t) => !t.valid) ? 'pass' : 'wrong', reason: 'no instance exists' };
    if (maxStates > 0) {
      const { bytes } = compileConstraint(live, { maxStates });
      began = clock();
      const opened = openArtifact(bytes, vocabulary, { fallback: () => live });
      held = (state) => opened.holds(state);
      masks = opened;
    }
    masks.mask(masks.start);
  } catch (error) {
    return { id, status: 'refused', reason: message(error) };
  }
  const first = (clock() - began) * 1000;
  if (record) ttfm.push(first);
  if (record && first > BAR) noted(-1, first, `${id} ttfm`);
  if (prepareMs > 0) new Matcher(masks).prepare(prepareMs);
  const { acceptor } = live;
  const { pool } = masks;
  const closing = ClosingMasks.of(masks);
  for (const [index, { valid, text }] of tests.entries()) {
    let state = masks.start;
    let accepted = true;
    let early = -1;
    const tokens = texts[index] ?? NO_TOKENS;
    let at = 0;
    try {
      for (const token of tokens) {
        const before = clock();
        const previous = state;
        const mask =
          spare < Number.POSITIVE_INFINITY ? closing.mask(state, tokens.length + 1 + spare - at) : masks.mask(state);
        const allowed = pool.has(mask, token);
        if (allowed) state = masks.run(state, vocabulary.bytes[token] ?? NONE);
        const took = (clock() - before) * 1000;
        if (verbose && record && took > 120 && maxStates === 0) {
          acceptor.load(previous);
          const kind = acceptor.machine.leaves[acceptor.leaf]?.kind ?? '';
          const row = kinds.get(kind) ?? [0, 0];
          kinds.set(kind, [row[0] + 1, row[1] + took]);
        }
        if (record && held(previous) && held(state)) tbm.push(took);
        if (record && took > 2000) noted(ofCase, took, `${id} test ${index} token ${at} mask ${pool.population(mask)}`);
        if (!allowed || state === 0) {
          accepted = false;
          break;
        }
        if (
          masks.accepts(state) &&
          at < tokens.length - 1 &&
          !/^\s*$/.test(rest(tokens, at + 1)) &&
          early < 0 &&
          !/^[-+.\deE]*\s*$/.test(rest(tokens, at + 1))
        )
          early = at;
        at++;
      }
      if (accepted) {
        const end = pool.has(masks.mask(state), vocabulary.eos[0] ?? -1);
        if (!end) accepted = false;
      }
    } catch (error) {
      return { id, status: 'refused', reason: `test ${index} token ${at}: ${message(error)}` };
    }
    if (accepted !== valid) {
      const near = rest(tokens.subarray(0, at + 1), 0);
      return {
        id,
        status: 'wrong',
        reason: `test ${index} ${valid ? 'valid but rejected' : 'invalid but accepted'}${valid ? ` at token ${at}: …${near.slice(-80)}` : `: ${text.slice(0, 200)}`}`,
      };
    }
    if (early >= 0) return { id, status: 'wrong', reason: `test ${index} could end early at token ${early}` };
  }
  return { id, status: 'pass' };
}

function rest(tokens: Int32Array, from: number): string {
  return Buffer.concat(Array.from(tokens.subarray(from), (t) => vocabulary.bytes[t] ?? NONE)).toString();
}

function message(error: unknown): string {
  if (error instanceof InfcError) return error.message;
  return error instanceof Error ? `CRASH ${error.stack?.split('\n').slice(0, 4).join(' | ')}` : String(error);
}

const began = performance.now();
if (!options.flag('cold')) warmUp(vocabulary);
const warmUpMs = performance.now() - began;
for (const i of chosen ?? Array.from({ length: cases.count }, (_, i) => i)) {
  const { case: one, tokens } = await cases.at(i);
  const started = performance.now();
  const outcome = run(one, tokens, i);
  list.push(outcome);
  const ms = performance.now() - started;
  if (verbose && (outcome.status !== 'pass' || ms > 1000))
    console.log(`${outcome.status} ${outcome.id} ${Math.round(ms)}ms ${outcome.reason ?? ''}`);
}
await cases.close();
ttfm.sort((a, b) => a - b);
tbm.sort((a, b) => a - b);
/** Steps over the bar, the longest first. */
const long: LongStep[] = slow
  .filter(({ us, index }) => us > BAR && index >= 0)
  .map((step) => {
    const { minor, major } = paused(step);
    return { index: step.index, what: step.what, us: round(step.us), own: round(step.us - minor - major) };
  });
const args = process.argv
  .slice(2)
  .filter((arg, i, all) => !/^--(verbose$|json\b)/.test(arg) && all[i - 1] !== '--json');
const again = chosen ? [] : longAgain(long, BAR, args);
const overBar = (steps: readonly LongStep[]): object => ({
  steps: steps.length,
  max: Math.max(0, ...steps.map(({ us }) => us)),
  own: steps.filter(({ own }) => own > BAR).length,
  max_own: Math.max(0, ...steps.map(({ own }) => own)),
});
const count = (status: Outcome['status']): number => list.filter((x) => x.status === status).length;
const report = {
  schemas: list.length,
  pass: count('pass'),
  refused: count('refused'),
  wrong: count('wrong'),
  warm_up_ms: round(warmUpMs),
  ttfm_us: {
    p50: round(quantile(ttfm, 0.5)),
    p90: round(quantile(ttfm, 0.9)),
    p99: round(quantile(ttfm, 0.99)),
    max: round(quantile(ttfm, 1)),
  },
  tbm_us: {
    mean: round(tbm.reduce((a, b) => a + b, 0) / Math.max(1, tbm.length)),
    p50: round(quantile(tbm, 0.5)),
    p90: round(quantile(tbm, 0.9)),
    p99: round(quantile(tbm, 0.99)),
    p999: round(quantile(tbm, 0.999)),
    max: round(quantile(tbm, 1)),
    over_5ms: { ...overBar(long), ...(chosen ? {} : { repeatable: overBar(again) }) },
  },
};
console.log(JSON.stringify(report, null, 1));
for (const { what, us, own } of verbose ? again : []) console.log(`in every run: ${us} us, ${own} of its own: ${what}`);
if (verbose)
  for (const step of slow.sort((a, b) => b.us - a.us)) {
    const { minor, major } = paused(step);
    const parts = `${Math.round(step.us - minor - major)} of its own, ${Math.round(minor)} minor, ${Math.round(major)} major`;
    console.log(`${Math.round(step.us)} us: ${parts}: ${step.what}`);
  }
if (verbose)
  for (const [kind, [n, us]] of kinds) console.log(`${kind}: ${n} steps over 120 us, ${Math.round(us / 1000)} ms`);
if (options.json) writeFileSync(options.json, JSON.stringify({ ...report, long, list }, null, 1));
if (report.wrong > 0 && !chosen) process.exitCode = 1;
