import { describe, expect, it } from 'vitest';
import { interpret } from '../../backends/reference/interpret.ts';
import { stored } from '../../compiler/formats/fit.ts';
import { gridSpan } from '../../compiler/formats/format.ts';
import { formats } from '../../compiler/formats/index.ts';
import { encodeFloat } from '../../runtime/minifloat.ts';
import { instantiate } from '../kernels/run-wasm.ts';
import { decoder, encodeRows } from './decoder.ts';

/** Two super-blocks. */
const LENGTH = 512;

function row(seed: number, scale: number): Float32Array {
  let s = seed;
  const v = Float32Array.from({ length: LENGTH }, () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return s / 2147483648 - 1;
  });
  const largest = v.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
  return v.map((x) => (x / largest) * scale);
}

// Formats that leave out zeros: sparse.test.ts; those whose rows share planes: codebooks.test.ts.
const whole = formats.filter((f) => !f.sparse && !f.shared);

it('rounds scales to f16 as the general encoder does', () => {
  let s = 5;
  for (let i = 0; i < 200_000; i++) {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    const x = (s / 2 ** 31 - 1) * 2 ** ((s % 40) - 22);
    const half = Math.fround(1 + ((s % 2048) + 0.5) / 1024);
    for (const v of [x, half, half + 1e-12, -half]) {
      if (stored('f16', v).bits !== encodeFloat('f16', v)) expect(v).toBe('rounded alike');
    }
  }
});

describe.each(whole.map((f) => [f.name, f] as const))('storage format %s', (_, format) => {
  const rows = [row(1, 1), row(2, 0.01), row(3, 30), row(4, 1)];
  rows[3]?.fill(0, 0, 64);

  it('decodes what it encoded to within its bound', () => {
    for (const r of rows) {
      const out = new Float32Array(LENGTH);
      interpret(decoder(format, LENGTH, 1), [...encodeRows(format, [r], LENGTH), out]);
      const largest = r.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
      for (let i = 0; i < LENGTH; i++)
        expect(
          Math.abs((out[i] ?? 0) - (r[i] ?? 0)) / largest,
          `weight ${i} = ${r[i]} became ${out[i]}`,
        ).toBeLessThanOrEqual(format.errorBound);
    }
  });

  it('keeps zeros', () => {
    const out = new Float32Array(LENGTH).fill(1);
    interpret(decoder(format, LENGTH, 1), [...encodeRows(format, [new Float32Array(LENGTH)], LENGTH), out]);
    expect([...out].every((v) => v === 0)).toBe(true);
  });

  it('is stable: encoding the decoded weights changes nothing', () => {
    const planes = encodeRows(format, [rows[0] ?? new Float32Array(LENGTH)], LENGTH);
    const once = new Float32Array(LENGTH);
    interpret(decoder(format, LENGTH, 1), [...planes, once]);
    const twice = new Float32Array(LENGTH);
    interpret(decoder(format, LENGTH, 1), [...encodeRows(format, [once], LENGTH), twice]);
    for (let i = 0; i < LENGTH; i++) expect(Math.abs((twice[i] ?? 0) - (once[i] ?? 0))).toBeLessThanOrEqual(2e-3);
  });

  it('gives the same on Wasm, one row and four rows side by side', () => {
    const kernel = decoder(format, LENGTH, 4);
    const planes = encodeRows(format, rows, LENGTH);
    const expected = new Float32Array(LENGTH * 4);
    interpret(kernel, [...planes, expected]);
    const running = instantiate(kernel, [...planes, new Float32Array(LENGTH * 4)]);
    running.run();
    expect([...(running.views.at(-1) ?? [])]).toEqual([...expected]);
    const single = new Float32Array(LENGTH);
    interpret(decoder(format, LENGTH, 1), [...encodeRows(format, [rows[2] ?? single], LENGTH), single]);
    for (let i = 0; i < LENGTH; i++) expect(expected[i * 4 + 2]).toBe(single[i]);
  });

  it('keeps weights on its grids exactly', () => {
    const { grid } = format;
    if (!grid) return;
    const span = gridSpan(format);
    for (const [r, importance] of [
      [rows[0], undefined],
      [rows[1], Float32Array.from({ length: LENGTH }, (_, i) => 1 + (i % 5))],
      [rows[3], new Float32Array(LENGTH).fill(1)],
    ] as const) {
      const settled = new Float32Array(LENGTH);
      const grids = [];
      for (let at = 0; at < LENGTH; at += span) {
        const g = grid(r?.subarray(at, at + span) ?? new Float32Array(span), importance?.subarray(at, at + span));
        grids.push(g);
        // Neighbours change places: nothing on the grid depends on the weights it was fitted to.
        for (let i = 0; i < span; i++) settled[at + i] = g.nearest(r?.[at + (i ^ 1)] ?? 0, i);
      }
      const planes = format.encode(settled, grids);
      const views = encodeRows({ ...format, encode: () => planes }, [settled], LENGTH);
      const out = new Float32Array(LENGTH);
      interpret(decoder(format, LENGTH, 1), [...views, out]);
      for (let i = 0; i < LENGTH; i++) expect(out[i]).toBeCloseTo(settled[i] ?? 0, 6);
    }
  });

  it('has grids that round as it encodes', () => {
    const { grid } = format;
    if (!grid) return;
    const span = gridSpan(format);
    const r = rows[0] ?? new Float32Array(LENGTH);
    const out = new Float32Array(LENGTH);
    interpret(decoder(format, LENGTH, 1), [...encodeRows(format, [r], LENGTH), out]);
    for (let at = 0; at < LENGTH; at += span) {
      const g = grid(r.subarray(at, at + span));
      for (let i = 0; i < span; i++) expect(out[at + i]).toBeCloseTo(g.nearest(r[at + i] ?? 0, i), 6);
    }
  });
});
