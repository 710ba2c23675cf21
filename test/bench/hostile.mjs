// node test/bench/hostile.mjs [WORD...] [--order schema|any] [--rounds N] [--cancel MS] [--json FILE]: every case of test/grammars/hostile-cases.ts (or those
// whose names hold a word), each in a process of its own with Llama 3's vocabulary: milliseconds to open it, to the first mask and to walk a
// text (the fastest of N processes), megabytes above what the process had before (at most; and kept after a collection), and the error if one
// is the answer. With --cancel each is cancelled after so many milliseconds, and the first figure is how long it then went on. A star marks what takes more than 100 ms or 64 MB, or refuses what it should not, or takes no text of its own.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const MOST_MS = 100;
const MOST_MB = 64;
/** After so many milliseconds a process is stopped. */
const PATIENCE = 60_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { order: { type: 'string' }, rounds: { type: 'string', default: '1' }, cancel: { type: 'string' }, json: { type: 'string' } },
});
const here = dirname(fileURLToPath(import.meta.url));
const out = mkdtempSync(join(here, '..', '..', 'node_modules', '.infc-bench-'));
try {
  const bundle = async (entry) => {
    const outfile = join(out, `${entry.replace(/.*\//, '').replace(/\.ts$/, '')}.mjs`);
    await build({ entryPoints: [join(here, entry)], bundle: true, platform: 'node', format: 'esm', packages: 'external', outfile, logLevel: 'error' });
    return outfile;
  };
  const engine = await bundle('hostile-engine.ts');
  const { HOSTILE } = await import(pathToFileURL(await bundle('../grammars/hostile-cases.ts')).href);
  const chosen = HOSTILE.filter(({ name }) => positionals.length === 0 || positionals.some((word) => name.includes(word)));
  const lines = [];
  for (const { name, refusals } of chosen) {
    for (const order of values.order ? [values.order] : ['schema', 'any']) {
      const runs = Array.from({ length: Number(values.rounds) }, () => run(engine, name, order));
      const best = runs.reduce((a, b) => (total(b) < total(a) ? b : a));
      const right = best.code === '' ? best.taken : [...refusals, ...(values.cancel === undefined ? [] : ['INFC5023'])].includes(best.code);
      const line = { ...best, ms: total(best), ok: right && total(best) <= MOST_MS && best.peak <= MOST_MB, right };
      lines.push(line);
      console.log(row(line));
    }
  }
  const bad = lines.filter((x) => !x.ok);
  console.log(`${lines.length} cases, ${bad.length} beyond ${MOST_MS} ms or ${MOST_MB} MB or wrong (${lines.filter((x) => !x.right).length} wrong)`);
  if (values.json) writeFileSync(values.json, `${JSON.stringify(lines, null, 1)}\n`);
} finally {
  rmSync(out, { recursive: true, force: true });
}

function run(engine, name, order) {
  const { stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', engine, name, order, ...(values.cancel === undefined ? [] : [values.cancel])], { encoding: 'utf8', timeout: PATIENCE });
  const line = stdout.trim().split('\n').at(-1);
  if (line?.startsWith('{"name"')) return JSON.parse(line);
  return { name, order, open: Infinity, mask: 0, walk: 0, longest: 0, tokens: 0, taken: false, kept: 0, peak: 0, code: 'STOPPED', place: '', reason: stderr.slice(0, 200) };
}

function total({ open, mask, walk, late }) {
  return values.cancel === undefined ? open + mask + walk : late;
}

function row({ ok, name, order, ms, open, mask, walk, longest, tokens, taken, peak, kept, code, place }) {
  const n = (x, width) => (x === undefined ? '' : x < 10 ? x.toFixed(1) : x.toFixed(0)).padStart(width);
  const what = code ? `${code} at ${place}` : taken ? `${tokens} tokens` : `NOT TAKEN after ${tokens}`;
  return `${ok ? ' ' : '*'} ${name.slice(0, 52).padEnd(52)} ${order.padEnd(6)} ${n(ms, 6)} ms (${n(open, 4)} + ${n(mask, 4)} + ${n(walk, 4)}, longest ${n(longest, 4)}) ${n(peak, 5)} MB, keeps ${n(kept, 5)}  ${what}`;
}
