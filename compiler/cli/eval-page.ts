import type { Damage } from '../damage.ts';
import type { LayerDamage } from '../layers.ts';
import type { Task } from './labels.ts';

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

const facts = (d: Damage): [string, string][] =>
  d.kind === 'tokens'
    ? [
        ['KL divergence', `${d.kl.toExponential(3)} nats a token (at most ${d.klMax.toPrecision(3)})`],
        ['top-1 agreement', `${(100 * d.top1).toFixed(2)} % of ${d.positions} tokens`],
        ['perplexity', `${d.perplexity.toFixed(3)} against ${d.referencePerplexity.toFixed(3)}`],
      ]
    : Object.entries(d.outputs).flatMap(([name, o]): [string, string][] => [
        [
          name,
          `cosine ${o.cosine.toFixed(6)}, relative ${o.relative.toExponential(2)}, top-1 ${(100 * o.top1).toFixed(2)} %`,
        ],
      ]);

/** Decades of relative error that a bar can show. */
const [LOW, HIGH] = [-6, 0];

/** One self-contained HTML page: the measures, and a bar a layer on a logarithmic axis. */
export function evalPage({ model, against, bytes, samples, damage, task, layers }: EvalData): string {
  const bar = (relative: number): number => {
    const decade = Math.max(LOW, Math.min(HIGH, Math.log10(Math.max(relative, 1e-12))));
    return Math.round((100 * (decade - LOW)) / (HIGH - LOW));
  };
  const rows = layers
    .map(
      (l) =>
        `<tr><td>${escapeHtml(l.name)}</td><td class="n">${l.relative.toExponential(2)}</td><td class="n">${l.cosine.toFixed(6)}</td><td class="b"><i style="width:${bar(l.relative)}%"></i></td></tr>`,
    )
    .join('\n');
  const scores = Object.entries(task?.scores ?? {}).map(([name, score]): [string, string] => [
    `${name} of ${task?.output}`,
    `${score.toFixed(4)} against ${(task?.reference[name] ?? Number.NaN).toFixed(4)}`,
  ]);
  const list = [...facts(damage), ...scores]
    .map(([k, v]) => `<tr><td>${escapeHtml(k)}</td><td>${escapeHtml(v)}</td></tr>`)
    .join('\n');
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>${escapeHtml(model)} against ${escapeHtml(against)}</title>
<style>
body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#222;background:#fff}
h1{font-size:1.3rem}table{border-collapse:collapse;width:100%;margin:1rem 0}td,th{padding:.2rem .6rem;text-align:left;border-bottom:1px solid #eee}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.b{width:40%}.b i{display:block;height:.8rem;background:#c2410c;border-radius:2px}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}td,th{border-color:#333}}
</style>
<h1>${escapeHtml(model)} against ${escapeHtml(against)}</h1>
<p>${bytes[0].toLocaleString('en')} bytes of weights against ${bytes[1].toLocaleString('en')}, measured on ${samples} samples.</p>
<table>${list}</table>
${layers.length > 0 ? `<h2>Layers, worst first</h2><p>Relative error of each layer's output, 10<sup>${LOW}</sup> to 1.</p><table><tr><th>layer</th><th>relative</th><th>cosine</th><th></th></tr>\n${rows}</table>` : ''}
</html>
`;
}
