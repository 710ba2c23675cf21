/** One row of a graph listing. */
export interface GraphRow {
  readonly id: number;
  readonly op: string;
  readonly name: string;
  readonly type: string;
  /** Rows this one reads. */
  readonly inputs: readonly number[];
  /** Kernel or step that runs it, if any. */
  readonly kernel?: string;
}

export interface KernelView {
  readonly name: string;
  readonly op: string;
  readonly template: string;
  readonly why: string;
  readonly sources: readonly string[];
  readonly bytes: string;
  readonly flops: string;
  readonly launches: number;
  readonly code: string;
}

/** A buffer's life in the arena: steps first..last, bytes offset..offset+bytes. */
export interface LiveBuffer {
  readonly name: string;
  readonly first: number;
  readonly last: number;
  readonly offset: number;
  readonly bytes: number;
}

/** Everything the page shows; plain data. */
export interface ViewData {
  readonly title: string;
  readonly facts: readonly (readonly [string, string])[];
  readonly before: readonly GraphRow[];
  readonly after: readonly GraphRow[];
  readonly kernels: readonly KernelView[];
  readonly memory: {
    readonly steps: number;
    readonly bytes: number;
    readonly buffers: readonly LiveBuffer[];
    readonly note: string;
  };
}

const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** A hue for a word, the same every time. */
function hue(word: string): number {
  let h = 0;
  for (const c of word) h = (Math.imul(h, 31) + (c.codePointAt(0) ?? 0)) >>> 0;
  return h % 360;
}

const ROW = 22;
const RAIL = 9;
const MOST_RAILS = 24;

/** Edges of a listing as rails to its left, like a version history: a value runs down its own lane to its last reader. */
function rails(rows: readonly GraphRow[]): { readonly svg: string; readonly width: number } {
  const at = new Map(rows.map((r, i) => [r.id, i]));
  const readers = new Map<number, number[]>();
  rows.forEach((r, i) => {
    for (const id of r.inputs) {
      const from = at.get(id);
      if (from !== undefined && from < i) readers.set(from, [...(readers.get(from) ?? []), i]);
    }
  });
  const busy: number[] = [];
  const parts: string[] = [];
  let lanes = 1;
  for (let i = 0; i < rows.length; i++) {
    const to = readers.get(i);
    if (!to) continue;
    const last = Math.max(...to);
    if (last === i + 1 && to.length === 1) continue;
    let lane = busy.findIndex((end) => end <= i);
    if (lane < 0) lane = busy.length;
    busy[lane] = last;
    lanes = Math.max(lanes, Math.min(lane + 1, MOST_RAILS));
    const x = -(Math.min(lane, MOST_RAILS - 1) + 1) * RAIL;
    const y0 = i * ROW + ROW / 2;
    const path = to.map((t) => {
      const y1 = t * ROW + ROW / 2;
      return `M0 ${y0}H${x + 4}Q${x} ${y0} ${x} ${y0 + 4}V${y1 - 4}Q${x} ${y1} ${x + 4} ${y1}H0`;
    });
    const color = `hsl(${hue(rows[i]?.op ?? '')} 55% 52%)`;
    parts.push(
      `<path data-from="${rows[i]?.id}" data-to="${to.map((t) => rows[t]?.id).join(' ')}" d="${path.join('')}" stroke="${color}"/>`,
    );
  }
  const width = (lanes + 1) * RAIL;
  const height = rows.length * ROW;
  return {
    svg: `<svg class="rails" width="${width}" height="${height}" viewBox="${-width} 0 ${width} ${height}">${parts.join('')}</svg>`,
    width,
  };
}

function listing(rows: readonly GraphRow[], prefix: string): string {
  const { svg, width } = rails(rows);
  const items = rows.map((r) => {
    const kernel =
      r.kernel === undefined ? '' : `<a class="run" href="#k-${escapeHtml(r.kernel)}">${escapeHtml(r.kernel)}</a>`;
    return `<div class="row" id="${prefix}${r.id}" data-id="${r.id}"><b style="--h:${hue(r.op)}">${escapeHtml(r.op)}</b><span class="type" title="${escapeHtml(r.type)}">${escapeHtml(r.type)}</span><span class="name" title="${escapeHtml(r.name)}">${escapeHtml(r.name)}</span>${kernel}</div>`;
  });
  return `<div class="listing" style="padding-left:${width}px">${svg}${items.join('')}</div>`;
}

function memoryChart({ steps, bytes, buffers, note }: ViewData['memory']): string {
  const width = 1100;
  const height = 320;
  const x = (step: number): number => Math.round((step / Math.max(1, steps)) * width * 10) / 10;
  const y = (b: number): number => Math.round((1 - b / Math.max(1, bytes)) * height * 10) / 10;
  const bars = buffers.map((b) => {
    const label = `${b.name}: ${b.bytes.toLocaleString('en')} bytes at ${b.offset.toLocaleString('en')}, steps ${b.first} to ${b.last}`;
    return `<rect x="${x(b.first)}" y="${y(b.offset + b.bytes)}" width="${Math.max(1, x(b.last + 1) - x(b.first))}" height="${Math.max(0.5, y(b.offset) - y(b.offset + b.bytes))}" fill="hsl(${hue(b.name)} 50% 60%)"><title>${escapeHtml(label)}</title></rect>`;
  });
  const grid = [0.25, 0.5, 0.75, 1].map(
    (f) =>
      `<line x1="0" x2="${width}" y1="${y(bytes * f)}" y2="${y(bytes * f)}"/><text x="4" y="${y(bytes * f) + 12}">${Math.round(bytes * f).toLocaleString('en')} B</text>`,
  );
  return `<p>${escapeHtml(note)}</p><svg class="memory" viewBox="0 -4 ${width} ${height + 24}"><g class="grid">${grid.join('')}</g>${bars.join('')}<text x="0" y="${height + 16}">step 0</text><text x="${width}" y="${height + 16}" text-anchor="end">step ${steps}</text></svg>`;
}

const kernelCard = (k: KernelView): string =>
  `<details class="kernel" id="k-${escapeHtml(k.name)}"><summary><b style="--h:${hue(k.op)}">${escapeHtml(k.op)}</b> <code>${escapeHtml(k.name)}</code> <span class="type">${escapeHtml(k.template)}, ${k.launches} launch${k.launches === 1 ? '' : 'es'}, ${escapeHtml(k.flops)} flops, ${escapeHtml(k.bytes)} bytes</span></summary><p>${escapeHtml(k.why)}</p><p class="name">from ${escapeHtml(k.sources.join(', ') || 'no node')}</p><pre>${escapeHtml(k.code)}</pre></details>`;

/** The whole page: no script or style from elsewhere, light and dark. */
export function page(d: ViewData): string {
  const facts = d.facts.map(([k, v]) => `<div><dt>${escapeHtml(k)}</dt><dd>${escapeHtml(v)}</dd></div>`);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escapeHtml(d.title)}</title>
<style>${STYLE}</style></head><body>
<header><h1>${escapeHtml(d.title)}</h1><dl>${facts.join('')}</dl>
<nav><a href="#graph">Graph</a><a href="#kernels">Kernels</a><a href="#memory">Memory</a><input id="find" type="search" placeholder="Filter nodes and kernels" aria-label="Filter nodes and kernels"></nav></header>
<main>
<section id="graph"><h2>Graph</h2><div class="pair"><div><h3>As imported <small>${d.before.length} nodes</small></h3>${listing(d.before, 'b')}</div><div><h3>After the passes <small>${d.after.length} nodes</small></h3>${listing(d.after, 'a')}</div></div></section>
<section id="kernels"><h2>Kernels <small>${d.kernels.length}</small></h2>${d.kernels.map(kernelCard).join('')}</section>
<section id="memory"><h2>Memory over time</h2>${memoryChart(d.memory)}</section>
</main>
<script>${SCRIPT}</script>
</body></html>
`;
}

const STYLE = `
:root{color-scheme:light dark;--bg:#fbfbfa;--fg:#1d1f21;--soft:#6b7075;--line:#e2e3e1;--card:#fff;--mark:#fff3c4}
@media(prefers-color-scheme:dark){:root{--bg:#16181a;--fg:#e6e6e3;--soft:#989ea4;--line:#2c3033;--card:#1d2023;--mark:#4a421f}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);font:14px/1.45 system-ui,sans-serif}
header{padding:20px 28px 0;border-bottom:1px solid var(--line)}h1{margin:0 0 8px;font-size:22px}h2{font-size:17px;margin:26px 0 8px}h3{font-size:14px;margin:0 0 8px}
small{color:var(--soft);font-weight:400}dl{display:flex;flex-wrap:wrap;gap:6px 28px;margin:0 0 14px}dt{color:var(--soft);font-size:12px}dd{margin:0;font-weight:600}
nav{display:flex;gap:18px;align-items:center;padding-bottom:10px}nav a{color:inherit}nav input{margin-left:auto;width:260px;padding:5px 10px;border:1px solid var(--line);border-radius:6px;background:var(--card);color:inherit;font:inherit}
main{padding:0 28px 60px}.pair{display:grid;grid-template-columns:1fr 1fr;gap:24px}.pair>div{min-width:0}@media(max-width:900px){.pair{grid-template-columns:1fr}}
.listing{position:relative;max-height:70vh;overflow:auto;background:var(--card);border:1px solid var(--line);border-radius:8px}
.rails{position:absolute;left:0;top:0;pointer-events:none}.rails path{fill:none;stroke-width:1.4;opacity:.55}.rails path.on{opacity:1;stroke-width:2.6}
.row{display:flex;gap:10px;align-items:center;height:${ROW}px;padding:0 10px;white-space:nowrap;font-size:12.5px}.row:hover,.row.on{background:var(--mark)}.row.off,.kernel.off{display:none}
b{font-weight:600;color:hsl(var(--h) 60% 38%)}@media(prefers-color-scheme:dark){b{color:hsl(var(--h) 60% 70%)}}
.type{color:var(--soft);font-family:ui-monospace,monospace;font-size:11.5px;overflow:hidden;text-overflow:ellipsis;min-width:60px}.row b{flex:none}.name{color:var(--soft);overflow:hidden;text-overflow:ellipsis;min-width:0}.run{margin-left:auto;flex:none;color:inherit;font-family:ui-monospace,monospace;font-size:11.5px}
.kernel{background:var(--card);border:1px solid var(--line);border-radius:8px;margin:6px 0;padding:6px 12px}summary{cursor:pointer}pre{overflow:auto;max-height:60vh;font:12px/1.4 ui-monospace,monospace;padding:10px;background:var(--bg);border-radius:6px}
.kernel p{margin:6px 0}.memory{width:100%;height:auto;background:var(--card);border:1px solid var(--line);border-radius:8px}.memory rect{stroke:var(--card);stroke-width:.5}.memory rect:hover{stroke:var(--fg)}.memory text{font-size:10px;fill:var(--soft)}.grid line{stroke:var(--line)}
`;

const SCRIPT = `
for (const list of document.querySelectorAll('.listing')) {
  const paths = [...list.querySelectorAll('path')];
  list.addEventListener('mouseover', (e) => {
    const id = e.target.closest('.row')?.dataset.id;
    for (const p of paths) p.classList.toggle('on', p.dataset.from === id || p.dataset.to.split(' ').includes(id));
  });
}
const open = () => { const k = location.hash.startsWith('#k-') && document.getElementById(decodeURIComponent(location.hash.slice(1))); if (k) { k.open = true; k.scrollIntoView(); } };
addEventListener('hashchange', open); open();
document.getElementById('find').addEventListener('input', (e) => {
  const word = e.target.value.toLowerCase();
  for (const r of document.querySelectorAll('.row')) r.classList.toggle('on', word !== '' && r.textContent.toLowerCase().includes(word));
  for (const k of document.querySelectorAll('.kernel')) k.classList.toggle('off', word !== '' && !k.querySelector('summary').textContent.toLowerCase().includes(word));
  document.querySelector('.row.on')?.scrollIntoView({ block: 'center' });
});
`;
