import { describe, expect, it } from 'vitest';
import { decodeRows } from '../../backends/reference/decode-format.ts';
import { blockStarts, startsOf } from '../../compiler/formats/blocks.ts';
import { rowUnit } from '../../compiler/formats/format.ts';
import { formats } from '../../compiler/formats/index.ts';
import { encodeRows, joinRows } from '../../compiler/formats/rows.ts';
import { measuredTime } from '../../compiler/formats/sparse-speed.ts';
import { chooseSparse } from '../../passes/format/choose-sparse.ts';
import { parseSparsity } from '../../passes/precision/sparsity-pattern.ts';
import { random } from '../kernels/product-case.ts';
import { formatConformance, pruned } from '../kit/format.ts';

const sparse = formats.filter((f) => f.sparse);
const named = (name: string) => {
  const format = formats.find((f) => f.name === name);
  if (!format) throw new Error(`no format ${name}`);
  return format;
};

describe.each(sparse.map((f) => [f.name, f] as const))('sparse format %s', (_, format) => {
  // 16-bit values and scales hold next to nothing below 1e-6, those of dense formats no more.
  for (const check of formatConformance(format)) if (!check.name.includes('tiny values')) it(check.name, check.run);

  it('keeps a matrix, its zeros exactly, and is stable', () => {
    const size = { rows: 33, length: 4 * rowUnit(format) };
    const w = pruned(format, random(size.rows * size.length, 3), size.rows);
    const once = decodeRows(format, encodeRows(format, w, size), size);
    const largest = w.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    w.forEach((v, i) => {
      const got = once[i] ?? Number.NaN;
      if (v === 0) expect(got).toBe(0);
      expect(Math.abs(got - v)).toBeLessThanOrEqual(format.errorBound * largest);
    });
    const twice = decodeRows(format, encodeRows(format, once, size), size);
    twice.forEach((v, i) => {
      expect(Math.abs(v - (once[i] ?? 0))).toBeLessThanOrEqual(2e-3);
    });
  });

  it('keeps weights on its grids exactly', () => {
    const { grid } = format;
    if (!grid) return;
    const size = { rows: 16, length: 2 * rowUnit(format) };
    const span = Math.max(format.group, ...Object.values(format.planes).map((p) => p.per));
    const w = pruned(format, random(16 * size.length, 5), 16);
    const grids = [];
    for (let at = 0; at < w.length; at += span) {
      const g = grid(w.slice(at, at + span));
      grids.push(g);
      for (let i = at; i < at + span; i++) w[i] = w[i] === 0 ? 0 : g.nearest(w[i] ?? 0, i - at);
    }
    const got = decodeRows(format, encodeRows(format, w, size, grids), size);
    got.forEach((v, i) => {
      expect(v).toBeCloseTo(w[i] ?? 0, 6);
    });
  });
});

describe('rows of several matrices', () => {
  it.each(formats.filter((f) => !f.encodeMatrix).map((f) => [f.name, f] as const))(
    '%s: joined as if encoded at once',
    (_, format) => {
      const length = 2 * rowUnit(format);
      const parts = [32, 16, 48].map((rows, i) => ({ rows, w: pruned(format, random(rows * length, 7 + i), rows) }));
      const whole = Float32Array.from(parts.flatMap(({ w }) => [...w]));
      const joined = joinRows(
        format,
        parts.map(({ rows, w }) => encodeRows(format, w, { rows, length })),
      );
      const expected = encodeRows(format, whole, { rows: 96, length });
      expect(Object.keys(joined).sort()).toEqual(Object.keys(expected).sort());
      for (const [name, plane] of Object.entries(expected)) expect([...(joined[name] ?? [])], name).toEqual([...plane]);
    },
  );
});

describe('what sparse formats leave out', () => {
  it('rows of different lengths, empty rows and no rows at all', () => {
    const size = { rows: 3, length: 64 };
    const w = new Float32Array(3 * 64);
    w[5] = 1;
    w[64 * 2 + 63] = -0.5;
    w[64 * 2] = 0.25;
    const planes = encodeRows(named('bitmap-f16'), w, size);
    expect([...(planes[startsOf('values')] ?? [])]).toEqual([0, 1, 1, 3]);
    expect([...decodeRows(named('bitmap-f16'), planes, size)]).toEqual([...w]);
    const none = encodeRows(named('gqsa-w8'), new Float32Array(3 * 64), size);
    expect([...(none[blockStarts] ?? [])]).toEqual([0, 0, 0, 0]);
    expect(decodeRows(named('gqsa-w8'), none, size).every((v) => v === 0)).toBe(true);
  });

  it('masks that are not N:M are refused, with row, column and fix', () => {
    const w = new Float32Array(2 * 64);
    w.fill(1, 64 + 8, 64 + 11);
    expect(() => encodeRows(named('2of4-q8'), w, { rows: 2, length: 64 }, undefined, 'layer.weight')).toThrow(
      /INFC2096: row 1: 3 of the 4 weights from column 8 .*layer\.weight.*--sparsity 2:4/,
    );
  });

  it('reads patterns, and refuses others', () => {
    expect(parseSparsity('gqsa:w4s50')).toMatchObject({ kind: 'gqsa:w4', sparsity: 0.5 });
    expect(parseSparsity('block:16x16:0.75')).toMatchObject({ kind: 'block:16x16', sparsity: 0.75 });
    for (const text of ['gqsa:w5s50', 'gqsa:w4', 'unstructured', 'unstructured:1', '4:4', 'block:1x1'])
      expect(() => parseSparsity(text)).toThrow(/INFC8031/);
  });

  it('is chosen only where it was measured to be faster', () => {
    const table = [
      { format: 'bitmap-q8', zeros: 0.5, time: 1.1 },
      { format: 'bitmap-q8', zeros: 0.7, time: 0.7 },
    ];
    const storage = {
      formats: () => formats,
      sparseSpeed: (format: string, zeros: number) => measuredTime(table, format, zeros)?.time,
    };
    const choose = (sparsity: string, dense: string, length = 128) => chooseSparse(sparsity, dense, length, storage);
    expect(choose('unstructured:0.75', 'q8g32')).toMatchObject({
      format: { name: 'bitmap-q8' },
      why: expect.stringContaining('0.70 times'),
    });
    expect(choose('unstructured:0.6', 'q8g32')).toMatchObject({
      format: undefined,
      why: expect.stringMatching(/stay dense.*1\.10 times/),
    });
    expect(choose('unstructured:0.3', 'q8g32').why).toMatch(/not measured at 30 %/);
    expect(choose('unstructured:0.75', 'q4g32').why).toMatch(/not measured/);
    expect(choose('unstructured:0.75', 'dense').why).toMatch(/--quant q8/);
    expect(choose('unstructured:0.75', 'q8g32', 96).why).toMatch(/rows of 96/);
    // Zeros of any pattern fit a bitmap.
    expect(choose('2:8', 'q8g32')).toMatchObject({ format: { name: 'bitmap-q8' } });
  });
});
