// node test/bench/recipes.mjs FOLDER [MODEL...] [--html FILE]: every recipe that a budget chooses among, for the models of FOLDER that are
// there (llama-story-655k, capp-gpt, ppocr-v4-rec, silero-vad-v6, squeezenet-fp16; FOLDER/media has photos and speech). Damage is that of
// samples which neither calibration nor the choice saw. `*` marks the front: nothing else is smaller and better in what the
// budget bounds (damage, or decisions changed); the choice is in bold (Markdown).
// --allocate evopress adds what that allocator finds at the sizes of uniform recipes.
// --times measures the time of each recipe alone.
// --recipes q4,q4+gptq,mine.json,... measures those recipes instead.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const args = process.argv.slice(2);
const html = args.includes('--html') ? args.splice(args.indexOf('--html'), 2)[1] : undefined;
const recipes = args.includes('--recipes') ? args.splice(args.indexOf('--recipes'), 2)[1].split(',') : [];
const onlyTimes = args.includes('--times') && args.splice(args.indexOf('--times'), 1).length > 0;
const allocate = args.includes('--allocate') ? args.splice(args.indexOf('--allocate'), 2)[1] : undefined;
const [folder, ...names] = args;
if (!folder || !existsSync(folder)) throw new Error('usage: node test/bench/recipes.mjs FOLDER [MODEL...] [--html FILE] [--allocate NAME]');

const at = (file) => fileURLToPath(new URL(file, import.meta.url));
const bundle = at(`../../dist/bench-recipes-${process.pid}.mjs`);
try {
  await build({ entryPoints: [at('recipes-infc.ts')], bundle: true, platform: 'node', target: 'node20', format: 'esm', outfile: bundle, packages: 'external', logLevel: 'error' });
  const { tables, named, timed } = await import(bundle);
  const photos = names.length === 0 || names.includes('squeezenet-fp16') ? await crops(path.join(folder, 'media')) : [];
  if (recipes.length > 0)
    await named(path.resolve(folder), names, recipes.map(recipeAt), photos, (model, recipe, bytes, damage, drop) =>
      console.log(`${model.padEnd(18)} ${recipe.padEnd(24)} ${(bytes / 1000).toFixed(0).padStart(6)} kB  damage ${damage.toExponential(2)}  changed ${percent(drop)}`),
    );
  if (onlyTimes)
    await timed(path.resolve(folder), names, photos, (model, recipe, bytes, ms) =>
      console.log(`${model.padEnd(18)} ${recipe.padEnd(24)} ${(bytes / 1000).toFixed(0).padStart(6)} kB  ${digits(ms)} ms`),
    );
  const tty = process.stderr.isTTY;
  const made = onlyTimes || recipes.length > 0 ? [] : await tables(path.resolve(folder), names, photos, (text) => tty && process.stderr.write(`\r\x1b[K${text}`), (table) => {
    if (tty) process.stderr.write('\r\x1b[K');
    print(table);
  }, allocate);
  console.log(`one thread; load average ${os.loadavg()[0].toFixed(1)}`);
  if (html) writeFileSync(html, page(made));
  if (made.some((t) => !t.kept)) process.exitCode = 1;
} finally {
  rmSync(bundle, { force: true });
}

/** A recipe by name, or of a file as `--quant` reads it. */
function recipeAt(given) {
  return given.endsWith('.json') ? { name: path.basename(given), ...JSON.parse(readFileSync(given, 'utf8')) } : given;
}

/** Crops of 224 x 224 from each photo of a folder, as RGB bytes, decoded by a browser. */
async function crops(media) {
  const executablePath = process.env.INFC_CHROMIUM ?? '/usr/bin/chromium';
  const files = existsSync(media) ? readdirSync(media).filter((f) => /\.(jpg|png)$/.test(f)) : [];
  if (!existsSync(executablePath) || files.length === 0) return [];
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--no-first-run'] });
  try {
    const tab = await browser.newPage();
    const found = [];
    for (const file of files) {
      // Some are JPEG by another name: the browser looks at the bytes.
      const url = `data:image/jpeg;base64,${readFileSync(path.join(media, file)).toString('base64')}`;
      const list = await tab.evaluate(async (source) => {
        const image = new Image();
        image.src = source;
        await image.decode();
        const canvas = new OffscreenCanvas(224, 224);
        const context = canvas.getContext('2d', { willReadFrequently: true });
        const out = [];
        for (let i = 0; i < 24; i++) {
          // Squares from the whole to half of the shorter side, from different corners; every other one mirrored.
          const side = Math.min(image.width, image.height) * (1 - 0.025 * i);
          const x = (image.width - side) * ((i * 0.37) % 1);
          const y = (image.height - side) * ((i * 0.61) % 1);
          context.setTransform(i % 2 ? -1 : 1, 0, 0, 1, i % 2 ? 224 : 0, 0);
          context.drawImage(image, x, y, side, side, 0, 0, 224, 224);
          const { data } = context.getImageData(0, 0, 224, 224);
          let text = '';
          for (let p = 0; p < data.length; p += 4) text += String.fromCharCode(data[p], data[p + 1], data[p + 2]);
          out.push(btoa(text));
        }
        return out;
      }, url);
      found.push(...list.map((text) => new Uint8Array(Buffer.from(text, 'base64'))));
    }
    return found;
  } finally {
    await browser.close();
  }
}

function percent(share) {
  return `${(100 * share).toFixed(2)} %`;
}

function scoreText(scores) {
  return Object.entries(scores)
    .map(([name, v]) => `${name} ${percent(v)}`)
    .join(', ');
}

function budgetText({ maxKl, maxDrop }) {
  return maxKl === undefined ? `at most ${percent(maxDrop)} of decisions changed` : `KL at most ${maxKl}`;
}

function print({ name, budget, baseline, rows, kept }) {
  console.log(`\n### ${name}\n\n${budgetText(budget)}; ${rows.length} recipes; the choice ${kept ? 'keeps' : 'BREAKS'} the budget on fresh samples\n`);
  const scored = Object.keys(baseline.scores).length > 0;
  const line = (cells) => console.log(`| ${(scored ? cells : cells.slice(0, -1)).join(' | ')} |`);
  line(['recipe', 'kB', 'ms', 'damage', 'when chosen', 'changed', 'by labels']);
  line(['---', '---:', '---:', '---:', '---:', '---:', '---']);
  const kB = (bytes) => (bytes / 1000).toFixed(0);
  for (const r of rows) {
    const text = `${r.name}${r.front ? ' \\*' : ''}`;
    line([r.chosen ? `**${text}**` : text, kB(r.bytes), digits(r.ms), digits(r.damage), digits(r.seen), percent(r.drop), scoreText(r.scores)]);
  }
  line(['full precision', kB(baseline.bytes), digits(baseline.ms), '', '', '', scoreText(baseline.scores)]);
}

/** Three digits. */
function digits(v) {
  return v === 0 ? '0' : v < 1e-3 ? v.toExponential(1) : v.toPrecision(3);
}

/** Damage over bytes, both logarithmic, one plot a model. */
function page(made) {
  const [width, height, margin] = [720, 360, 56];
  const plots = made.map(({ name, budget, rows }) => {
    const log = (v) => Math.log10(Math.max(v, 1e-7));
    const span = (list) => [Math.min(...list) - 0.1, Math.max(...list) + 0.1];
    const [x0, x1] = span(rows.map((r) => log(r.bytes)));
    const [y0, y1] = span(rows.map((r) => log(r.damage)));
    const x = (r) => margin + ((width - 2 * margin) * (log(r.bytes) - x0)) / (x1 - x0);
    const y = (r) => height - margin - ((height - 2 * margin) * (log(r.damage) - y0)) / (y1 - y0);
    const front = rows.filter((r) => r.front).sort((a, b) => a.bytes - b.bytes);
    const dots = rows.map((r) => `<circle cx="${x(r).toFixed(1)}" cy="${y(r).toFixed(1)}" r="${r.chosen ? 6 : 3.5}" class="${r.chosen ? 'c' : r.front ? 'f' : ''}"><title>${r.name}: ${r.bytes} bytes, ${r.damage}</title></circle><text x="${(x(r) + 7).toFixed(1)}" y="${(y(r) - 5).toFixed(1)}">${r.name}</text>`);
    return `<h2>${name}</h2><p>${budgetText(budget)}; right: bytes, up: damage, both logarithmic; line: the front; large: the choice</p>
<svg viewBox="0 0 ${width} ${height}"><rect x="${margin}" y="${margin}" width="${width - 2 * margin}" height="${height - 2 * margin}"/>
<polyline points="${front.map((r) => `${x(r).toFixed(1)},${y(r).toFixed(1)}`).join(' ')}"/>${dots.join('')}</svg>`;
  });
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Recipes</title><style>body{font:14px system-ui,sans-serif;max-width:50rem;margin:2rem auto}svg{width:100%}rect{fill:none;stroke:#ccc}polyline{fill:none;stroke:#36c}circle{fill:#999}.f{fill:#36c}.c{fill:#d33}text{font-size:10px}</style>${plots.join('\n')}</html>\n`;
}
