import type { Damage } from '../compress/damage.ts';
import type { LayerDamage } from '../compress/layers.ts';
import type { Task } from './labels.ts';
import { formatBytes, formatError, formatPercent } from './table.ts';

/** What the page shows. */
export interface EvalData {
  readonly model: string;
  readonly against: string;
  readonly bytes: readonly [number, number];
  readonly samples: number;
  readonly damage: Damage;
  readonly task?: Task;
  /** Worst first. */
  readonly layers: readonly LayerDamage[];
}

const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** What was measured, its value, and what that means. */
const facts = (d: Damage): (readonly [string, string, string])[] =>
  d.kind === 'tokens'
    ? [
        [
          'KL divergence',
          formatError(d.kl),
          `nats a token between their predictions, at most ${formatError(d.klMax)}; 0 is equal`,
        ],
        ['same likeliest token', formatPercent(d.top1), `of ${d.positions} places`],
        [
          'perplexity',
          d.perplexity.toFixed(3),
          `against ${d.referencePerplexity.toFixed(3)}; lower predicts the text better`,
        ],
      ]
    : Object.entries(d.outputs).flatMap(([name, o]): [string, string, string][] => [
        [
          `${name}: error`,
          formatPercent(o.relative),
          `of its size; mean ${formatError(o.meanError)}, largest ${formatError(o.maxError)}`,
        ],
        [`${name}: same decision`, formatPercent(o.top1), `of ${o.rows} rows (largest element, or side of one half)`],
        [`${name}: cosine`, o.cosine.toFixed(6), '1 points the same way'],
      ]);

/** The plot, in its own units. */
const [WIDTH, HEIGHT, LEFT, BOTTOM] = [960, 240, 56, 18];

/** Errors of the layers in the order they run, as bars over a logarithmic axis of whole decades. */
function plot(layers: readonly LayerDamage[]): string {
  const seen = layers.map((l) => l.relative).filter((r) => r > 0 && Number.isFinite(r));
  const high = Math.ceil(Math.log10(Math.max(...seen, 1e-6)) + 1e-9);
  const low = Math.min(high - 1, Math.max(high - 6, Math.floor(Math.log10(Math.min(...seen, 1)))));
  const y = (v: number): number =>
    ((high - Math.max(low, Math.min(high, Math.log10(Math.max(v, 1e-30))))) / (high - low)) * (HEIGHT - BOTTOM);
  const step = (WIDTH - LEFT) / layers.length;
  const lines = Array.from({ length: high - low + 1 }, (_, i) => {
    const at = y(10 ** (low + i));
    const label = formatPercent(10 ** (low + i)).replace('.00', '');
    return `<line x1="${LEFT}" x2="${WIDTH}" y1="${at}" y2="${at}"/><text x="${LEFT - 6}" y="${at + 4}" text-anchor="end">${label}</text>`;
  });
  const bars = [...layers]
    .sort((a, b) => a.place - b.place)
    .map((l, i) => {
      const top = y(l.relative);
      return `<rect x="${(LEFT + i * step).toFixed(2)}" y="${top.toFixed(2)}" width="${Math.max(0.5, step - Math.min(2, step / 4)).toFixed(2)}" height="${Math.max(1, HEIGHT - BOTTOM - top).toFixed(2)}"><title>${escapeHtml(l.name)}: ${formatPercent(l.relative)}</title></rect>`;
    });
  return `<svg viewBox="0 -10 ${WIDTH} ${HEIGHT + 10}" role="img" aria-label="Error of each layer in the order they run">${lines.join('')}${bars.join('')}<text x="${LEFT}" y="${HEIGHT - 2}">first layer</text><text x="${WIDTH}" y="${HEIGHT - 2}" text-anchor="end">last layer</text></svg>`;
}

/** One self-contained HTML page: the measures, a plot of the layers in order, and a table of them, worst first. */
export function evalPage({ model, against, bytes, samples, damage, task, layers }: EvalData): string {
  const worst = layers[0]?.relative || 1;
  const rows = layers
    .map(
      (l) =>
        `<tr><td>${escapeHtml(l.name)}</td><td class="n">${formatPercent(l.relative)}</td><td class="n">${l.cosine.toFixed(6)}</td><td class="b"><i style="width:${Math.round((100 * l.relative) / worst)}%"></i></td></tr>`,
    )
    .join('\n');
  const scores = Object.entries(task?.scores ?? {}).map(([name, score]): [string, string, string] => [
    `${name} of ${task?.output}`,
    score.toFixed(4),
    `against ${(task?.reference[name] ?? Number.NaN).toFixed(4)}, by the labels`,
  ]);
  const list = [...facts(damage), ...scores]
    .map(
      ([k, v, w]) => `<tr><td>${escapeHtml(k)}</td><td class="n">${escapeHtml(v)}</td><td>${escapeHtml(w)}</td></tr>`,
    )
    .join('\n');
  const unit = `${damage.kind === 'tokens' ? 'text' : 'sample'}${samples === 1 ? '' : 's'}`;
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(model)} against ${escapeHtml(against)}</title>
<style>
body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#222;background:#fff}
h1{font-size:1.3rem}table{border-collapse:collapse;width:100%;margin:1rem 0}td,th{padding:.2rem .6rem;text-align:left;border-bottom:1px solid #eee}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.b{width:40%}.b i{display:block;height:.8rem;background:#c2410c;border-radius:2px}
svg{width:100%;height:auto}svg rect{fill:#c2410c}svg rect:hover{fill:#222}svg line{stroke:#ddd}svg text{font-size:11px;fill:#666}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}td,th{border-color:#333}svg line{stroke:#333}svg text{fill:#999}svg rect:hover{fill:#fff}}
</style>
<h1>${escapeHtml(model)} against ${escapeHtml(against)}</h1>
<p>${formatBytes(bytes[0])} of weights against ${formatBytes(bytes[1])} (${((100 * bytes[0]) / Math.max(1, bytes[1])).toFixed(1)} %), measured on ${samples} ${unit}.</p>
<table>${list}</table>
${
  layers.length > 0
    ? `<h2>Layers</h2><p>Error of each layer's output, relative to its size, in the order they run. A layer has the errors of those before it too.</p>
${plot(layers)}
<h3>Worst first</h3><table><tr><th>layer</th><th class="n">error</th><th class="n">cosine</th><th></th></tr>\n${rows}</table>`
    : ''
}
</html>
`;
}
