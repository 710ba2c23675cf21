// A bar chart as one SVG file that reads on light and dark pages. Values are ratios on a logarithmic axis, the line stands at 1.

const ROW = 17;
const LEFT = 170;
const WIDTH = 760;
const TOP = 34;
const escape = (s) => s.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** `rows` are `{ name, ratio }`; the longest bar comes first. */
export function ratioBars(title, rows) {
  const sorted = [...rows].sort((a, b) => b.ratio - a.ratio);
  const least = Math.log2(Math.min(0.5, sorted.at(-1)?.ratio ?? 1));
  const most = Math.log2(Math.max(2, sorted[0]?.ratio ?? 1));
  const x = (ratio) => LEFT + ((Math.log2(ratio) - least) / (most - least)) * (WIDTH - LEFT - 50);
  const bottom = TOP + sorted.length * ROW;
  const ticks = [];
  for (let power = Math.ceil(least); power <= Math.floor(most); power++) {
    const at = x(2 ** power).toFixed(1);
    ticks.push(`<path class="${power === 0 ? 'one' : 'tick'}" d="M${at} ${TOP - 4}V${bottom}"/><text class="axis" x="${at}" y="${bottom + 14}">${2 ** power}</text>`);
  }
  const bars = sorted.map(({ name, ratio }, i) => {
    const y = TOP + i * ROW;
    const [from, to] = [Math.min(x(1), x(ratio)), Math.max(x(1), x(ratio))];
    return `<text class="name" x="${LEFT - 8}" y="${y + 11}">${escape(name)}</text><rect class="${ratio < 1 ? 'less' : 'more'}" x="${from.toFixed(1)}" y="${y + 2}" width="${(to - from).toFixed(1)}" height="${ROW - 5}"/><text x="${(to + 5).toFixed(1)}" y="${y + 11}">${ratio.toFixed(2)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${bottom + 24}" role="img" aria-label="${escape(title)}">
<style>text{font:11px system-ui,sans-serif;fill:#444}.head{font-weight:600}.name{text-anchor:end}.axis{text-anchor:middle;fill:#888}.more{fill:#2f6fdb}.less{fill:#d9822b}.tick{stroke:#8884;fill:none}.one{stroke:#888;fill:none}@media(prefers-color-scheme:dark){text{fill:#ccc}}</style>
<text class="head" x="${LEFT}" y="16">${escape(title)}</text>
${[...ticks, ...bars].join('\n')}
</svg>
`;
}
