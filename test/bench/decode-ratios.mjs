// node test/bench/decode-ratios.mjs MODEL|ARTIFACT... [--quant q8,q4,ternary] [--rounds 9] [--steps 24] [--engines plain,relaxed,Chromium]: how
// much faster one recipe decodes than another, on one thread. All recipes of MODEL (`q8/unstructured:0.7` has a sparsity, too), or artifacts made
// before, are loaded into one process, and take turns: in each round each decodes STEPS tokens in a row, since the caches hold what a model
// alone would find there only after a few. Ratios are those of one round; printed are their median over the rounds and their range. A machine that
// slows down or speeds up between rounds changes neither. Whether results are right, llm.mjs asks. Needs `npm run build`.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { measureRounds } from './decode-rounds.mjs';
import { hasChromium, runInPage } from './page.mjs';

const self = fileURLToPath(import.meta.url);
const here = path.dirname(self);
const dist = path.join(here, '../../dist');

if (process.argv[2] === '--child') {
  const { folders, relaxed, ...how } = JSON.parse(process.argv[3]);
  const { load } = await import(pathToFileURL(path.join(dist, 'runtime.js')).href);
  const models = [];
  for (const f of folders) models.push(await load(f, { threads: 1, relaxedSimd: relaxed }));
  const text = `@@${JSON.stringify(await measureRounds(models, how))}\n`;
  await new Promise((done) => process.stdout.write(text, done));
  process.exit(0);
}

const args = process.argv.slice(2);
const OPTIONS = ['--quant', '--rounds', '--steps', '--engines'];
const option = (name, fallback) => (args.includes(name) ? args[args.indexOf(name) + 1] : fallback);
const recipes = option('--quant', 'q8,q4,ternary').split(',');
const how = { rounds: Number(option('--rounds', '9')), steps: Number(option('--steps', '24')) };
const sources = args.filter((a, i) => !OPTIONS.includes(a) && !OPTIONS.includes(args[i - 1]));

const folder = mkdtempSync(path.join(os.tmpdir(), 'infc-ratios-'));
try {
  const runs = sources.flatMap((source) =>
    existsSync(path.join(source, 'plan.json')) ? [{ name: path.basename(source), made: path.resolve(source) }] : recipes.map((r) => compiled(source, r)),
  );
  runs.forEach(({ made }, i) => symlinkSync(made, path.join(folder, `run${i}`)));
  cpSync(path.join(here, 'decode-rounds.mjs'), path.join(folder, 'decode-rounds.mjs'));
  const folders = runs.map((_, i) => path.join(folder, `run${i}`));
  const engines = {
    plain: () => inNode({ folders, relaxed: false, ...how }),
    relaxed: () => inNode({ folders, relaxed: true, ...how }),
    ...(hasChromium ? { Chromium: () => runInPage(folder, pageScript(runs.length)) } : {}),
  };
  for (const name of option('--engines', Object.keys(engines).join(',')).split(',')) {
    const result = await engines[name]?.();
    if (!result) throw new Error(`no engine '${name}'`);
    if (result.error) throw new Error(result.error);
    print(name, runs, result);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function compiled(source, recipe) {
  const [quant, sparsity] = recipe.split('/');
  const made = path.join(folder, recipe.replace(/\W/g, '_'));
  const more = sparsity ? ['--sparsity', sparsity] : [];
  const p = spawnSync(process.execPath, [path.join(dist, 'cli.js'), 'compile', source, '-o', made, '--quant', quant, '--context', '512', ...more], { encoding: 'utf8' });
  if (p.status !== 0) throw new Error(p.stderr);
  return { name: recipe, made };
}

function inNode(job) {
  const p = spawnSync(process.execPath, [self, '--child', JSON.stringify(job)], { encoding: 'utf8', maxBuffer: 1 << 26 });
  const line = p.stdout.split('\n').find((l) => l.startsWith('@@'));
  if (!line) throw new Error(p.stderr.trim().split('\n').slice(-3).join(' | '));
  return JSON.parse(line.slice(2));
}

function print(engine, runs, times) {
  console.log(`${engine === 'Chromium' ? engine : `Node ${process.versions.node} ${engine}`}, load average ${os.loadavg()[0].toFixed(1)}`);
  const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
  const against = (i, j) => {
    const ratios = times[i].map((t, r) => times[j][r] / t);
    return `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}) times ${runs[j].name}`;
  };
  runs.forEach(({ name }, i) => {
    const ratios = [...new Set([0, i - 1])].filter((j) => j >= 0 && j < i).map((j) => `, ${against(i, j)}`);
    console.log(`  ${name.padEnd(24)} ${median(times[i]).toFixed(2)} ms a token${ratios.join('')}`);
  });
}

function pageScript(count) {
  return `
    try {
      const { measureRounds } = await import('./decode-rounds.mjs');
      const models = [];
      for (let i = 0; i < ${count}; i++) {
        const { loadModel } = await import('./run' + i + '/model.js');
        models.push(await loadModel({ threads: 1 }));
      }
      document.title = JSON.stringify(await measureRounds(models, ${JSON.stringify(how)}));
    } catch (error) {
      document.title = JSON.stringify({ error: String(error?.stack ?? error) });
    }`;
}
