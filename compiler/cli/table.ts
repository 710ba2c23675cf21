import type { Style } from './io.ts';

/** A column: numbers go to the right. */
export interface Column {
  readonly title: string;
  readonly right?: boolean;
  /** Longer cells are cut in the middle. */
  readonly max?: number;
}

/** Plain aligned text columns with a dim header; an empty table is an empty string. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], style: Style): string {
  if (rows.length === 0) return '';
  const cells = rows.map((r) => columns.map((c, i) => shorten(r[i] ?? '', c.max)));
  const widths = columns.map((c, i) => Math.max(c.title.length, ...cells.map((r) => visible(r[i] ?? ''))));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => {
        const pad = ' '.repeat((widths[i] ?? 0) - visible(cell));
        return columns[i]?.right ? pad + cell : cell + pad;
      })
      .join('  ')
      .trimEnd();
  const header = columns.some((c) => c.title !== '') ? [style.dim(line(columns.map((c) => c.title)))] : [];
  return [...header, ...cells.map(line)].join('\n');
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes take no room on the screen
const COLOR = /\u001b\[\d+m/g;
const visible = (text: string): number => text.replace(COLOR, '').length;

/** Cuts the middle out of a long text. */
export function shorten(text: string, max = 1000): string {
  if (visible(text) <= max) return text;
  const head = Math.ceil((max - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (max - 1 - head))}`;
}

/** 1234567 -> `1.23 MB` (decimal units). */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let v = bytes / 1000;
  let u = 0;
  while (v >= 999.5 && u < units.length - 1) {
    v /= 1000;
    u++;
  }
  return `${v >= 100 ? v.toFixed(0) : v >= 10 ? v.toFixed(1) : v.toFixed(2)} ${units[u]}`;
}

/** 1234567 -> `1.23 M`. */
export function formatCount(n: number): string {
  if (n < 10000) return String(n);
  const [v, unit] = n < 1e6 ? [n / 1e3, 'k'] : n < 1e9 ? [n / 1e6, 'M'] : [n / 1e9, 'G'];
  return `${v >= 100 ? v.toFixed(0) : v >= 10 ? v.toFixed(1) : v.toFixed(2)} ${unit}`;
}

/** `1 byte`, `2 bytes`. */
export const countOf = (count: number, what: string): string =>
  `${formatCount(count)} ${what}${count === 1 ? '' : 's'}`;

/** 0.0979, 1.2e-7. */
export const formatError = (v: number): string =>
  v === 0 ? '0' : Math.abs(v) < 1e-3 ? v.toExponential(2) : v.toPrecision(3);

/** 0.0979 -> `9.79 %`; small shares keep their digits. */
export const formatPercent = (share: number): string =>
  share > 0 && share < 1e-4 ? `${(100 * share).toExponential(1)} %` : `${(100 * share).toFixed(2)} %`;

export const formatMs = (ms: number): string =>
  ms >= 1000
    ? `${(ms / 1000).toFixed(ms >= 10000 ? 1 : 2)} s`
    : ms >= 100
      ? `${ms.toFixed(0)} ms`
      : ms >= 1
        ? `${ms.toFixed(1)} ms`
        : `${(ms * 1000).toFixed(0)} us`;
