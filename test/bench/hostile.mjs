// node test/bench/hostile.mjs [WORD...] [--order schema|any] [--rounds N] [--steps N] [--cancel MS] [--json FILE]: every case of test/grammars/hostile/ (or those
// whose names hold a word), each in a process of its own with Llama 3's vocabulary: milliseconds to open it, to the first mask and to walk a
// text (the fastest of N processes), megabytes above what the process had before (at most; and kept after a collection), and the error if one
// is the answer. With --steps N random tokens follow, thrice (without a limit and with two kinds of it), whose milliseconds stand apart.
// With --cancel each is cancelled after so many milliseconds, and the first figure is how long it then went on. A star marks what takes more than 100 ms or 64 MB, or refuses what it should not, or takes no text of its own.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { leanParsers } from '../../.build/parsers.mjs';

const MOST_MS = 100;
const MOST_MB = 64;
/** After so many milliseconds a process is stopped. */
const PATIENCE = 60_000;
/** Milliseconds of rest before a measurement. */
const REST = 120;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { order: { type: 'string' }, rounds: { type: 'string', default: '1' }, steps: { type: 'string', default: '0' }, cancel: { type: 'string' }, json: { type: 'string' } },
});
const here = dirname(fileURLToPath(import.meta.url));
const out = mkdtempSync(join(here, '..', '..', 'node_modules', '.infc-bench-'));
const lines = [];
// Whoever stops it early is told as much as is known.
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void finish(signal));
try {
  const bundle = async (entry) => {
    const outfile = join(out, `${entry.replace(/.*\//, '').replace(/\.ts$/, '')}.mjs`);
    await build({ entryPoints: [join(here, entry)], bundle: true, platform: 'node', format: 'esm', packages: 'external', outfile, logLevel: 'error', ...leanParsers });
    return outfile;
  };
  const engine = await bundle('hostile-engine.ts');
  const { HOSTILE } = await import(pathToFileURL(await bundle('../grammars/hostile/index.ts')).href);
  const { writeData } = await import(pathToFileURL(await bundle('hostile-data.ts')).href);
  const chosen = HOSTILE.filter(({ name }) => positionals.length === 0 || positionals.some((word) => name.includes(word)));
  const data = join(out, 'data.bin');
  await writeData(data, chosen.map(({ name }) => name));
  // Regular expressions and grammars know no order.
  const orders = ({ schema, name }) => (values.order ? [values.order] : schema || name.includes('tools') ? ['schema', 'any'] : ['schema']);
  const jobs = chosen.flatMap((hostile) => orders(hostile).map((order) => ({ ...hostile, order })));
  // Two processes make themselves ready at a time; then each is measured while nothing else runs.
  for (let i = 0; i < jobs.length; i += 2) {
    const pair = jobs.slice(i, i + 2);
    const runs = pair.map(() => []);
    for (let round = 0; round < Number(values.rounds); round++) {
      const children = pair.map(({ name, order }) => start(engine, name, order, data));
      await Promise.all(children.map(({ ready }) => ready));
      // Systems that give a benchmark priority stop it for a moment when it never rests.
      await new Promise((resolve) => setTimeout(resolve, REST));
      for (const [k, child] of children.entries()) runs[k].push(await child.measure());
    }
    for (const [k, { refusals }] of pair.entries()) {
      const best = runs[k].reduce((a, b) => (total(b) < total(a) ? b : a));
      const right = best.code === '' ? best.taken : [...refusals, ...(values.cancel === undefined ? [] : ['INFC5023'])].includes(best.code);
      const line = { ...best, ms: total(best), ok: right && total(best) <= MOST_MS && best.peak <= MOST_MB, right };
      lines.push(line);
      console.log(row(line));
    }
  }
} finally {
  finish();
}

function finish(signal) {
  rmSync(out, { recursive: true, force: true });
  const count = (test) => lines.filter(test).length;
  const bad = `${count((x) => x.ms > MOST_MS)} over ${MOST_MS} ms, ${count((x) => x.peak > MOST_MB)} over ${MOST_MB} MB, ${count((x) => !x.right)} wrong`;
  console.log(`${signal ? 'STOPPED after ' : ''}${lines.length} cases, ${count((x) => !x.ok)} not as they should be: ${bad}`);
  if (values.json) writeFileSync(values.json, `${JSON.stringify(lines, null, 1)}\n`);
  if (signal) process.exit(1);
}

/** A process for one case: `ready` when it waits to be measured. */
function start(engine, name, order, data) {
  const child = spawn(process.execPath, ['--expose-gc', engine, name, order, data, values.steps, ...(values.cancel === undefined ? [] : [values.cancel])]);
  let said = '';
  let wrong = '';
  let isReady = () => undefined;
  const ready = new Promise((resolve) => (isReady = resolve));
  child.stdout.on('data', (part) => {
    said += part;
    if (said.startsWith('ready')) isReady();
  });
  child.stderr.on('data', (part) => (wrong += part));
  child.stdin.on('error', () => undefined);
  const ended = new Promise((resolve) => child.on('close', resolve));
  void ended.then(isReady);
  const measure = async () => {
    const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
    child.stdin.end('go\n');
    await ended;
    clearTimeout(timer);
    const line = said.trim().split('\n').at(-1);
    if (line.startsWith('{"name"')) return JSON.parse(line);
    return { name, order, open: Infinity, mask: 0, walk: 0, longest: 0, random: 0, longestRandom: 0, tokens: 0, taken: false, kept: 0, peak: 0, code: 'STOPPED', place: '', reason: wrong.slice(0, 200) };
  };
  return { ready, measure };
}

function total({ open, mask, walk, late }) {
  return values.cancel === undefined ? open + mask + walk : late;
}

function row({ ok, name, order, ms, open, mask, walk, longest, random, longestRandom, tokens, taken, peak, kept, code, place, reason }) {
  const n = (x, width) => (x === undefined ? '' : x < 10 ? x.toFixed(1) : x.toFixed(0)).padStart(width);
  const what = code ? `${code} ${/^INFC/.test(code) ? `at ${place}` : reason}` : taken ? `${tokens} tokens` : `NOT TAKEN after ${tokens}`;
  return `${ok ? ' ' : '*'} ${name.slice(0, 52).padEnd(52)} ${order.padEnd(6)} ${n(ms, 6)} ms (${n(open, 4)} + ${n(mask, 4)} + ${n(walk, 4)}, longest ${n(longest, 4)}) ${values.steps === '0' ? '' : `random ${n(random, 5)} (longest ${n(longestRandom, 4)}) `}${n(peak, 5)} MB, keeps ${n(kept, 5)}  ${what}`;
}
