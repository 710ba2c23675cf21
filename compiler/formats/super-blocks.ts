import type { Expr } from '../ir/expr.ts';
import { codePlanes, integerCodes, packCodes, unpackCodes } from './code-planes.ts';
import { clamp, fit, storedAtLeast } from './fit.ts';
import { defineFormat, type Grid, type StorageFormat } from './format.ts';

/** Weights of a super-block: they share two f16 factors. */
const SPAN = 256;

interface SuperBlocks {
  readonly name: string;
  readonly bits: number;
  /** Weights that share an integer scale: 16 or 32. */
  readonly sub: number;
  /** Affine: scales and minima are unsigned. Otherwise codes are centred and scales signed. */
  readonly affine: boolean;
  /** Largest integer scale. */
  readonly mostScale: number;
}

/** One super-block's parameters, ready to be stored. */
interface SuperGrid extends Grid {
  readonly d: number;
  readonly dmin: number;
  readonly scales: Int8Array | Uint8Array;
  readonly minima: Uint8Array;
  /** Codes of the super-block's weights. */
  codes(weights: Float32Array): Uint8Array;
}

/**
 * Integers in two levels (llama.cpp's K-quants): 256 weights share an f16 factor d, `sub` weights an integer scale s, so that
 * w = d s (code - 2^(bits-1)); affine ones w = d s code - dmin m. Each number of the file has a plane of its own here.
 */
export function superBlocks({ name, bits, sub, affine, mostScale }: SuperBlocks): StorageFormat {
  const most = 2 ** bits - 1;
  const zero = affine ? 0 : 2 ** (bits - 1);
  const subs = SPAN / sub;
  const grid = (weights: Float32Array, importance?: Float32Array): SuperGrid => {
    const wanted = Array.from({ length: subs }, (_, i) => {
      const part = weights.subarray(i * sub, (i + 1) * sub);
      return fitSub(part, importance?.subarray(i * sub, (i + 1) * sub));
    });
    const d = storedAtLeast('f16', wanted.reduce((m, w) => Math.max(m, Math.abs(w.scale)), 0) / mostScale);
    const dmin = storedAtLeast('f16', wanted.reduce((m, w) => Math.max(m, w.min), 0) / mostScale);
    const low = affine ? 0 : -mostScale;
    const integers = wanted.map((w) => (d.value === 0 ? 0 : clamp(Math.round(w.scale / d.value), low, mostScale)));
    const scales = affine ? Uint8Array.from(integers) : Int8Array.from(integers);
    const minima = Uint8Array.from(wanted, (w) =>
      dmin.value === 0 ? 0 : clamp(Math.round(w.min / dmin.value), 0, mostScale),
    );
    const codeOf = (i: number, w: number): number => {
      const s = Math.fround(d.value * (scales[i] ?? 0));
      if (s === 0) return zero;
      return clamp(Math.round((w + dmin.value * (minima[i] ?? 0)) / s) + zero, 0, most);
    };
    return {
      d: d.bits,
      dmin: dmin.bits,
      scales,
      minima,
      codes: (w) => Uint8Array.from(w, (v, i) => codeOf(Math.floor(i / sub), v)),
      nearest: (w, index) => {
        const i = Math.floor(index / sub);
        const s = Math.fround(d.value * (scales[i] ?? 0));
        return Math.fround(Math.fround(s * (codeOf(i, w) - zero)) - Math.fround(dmin.value * (minima[i] ?? 0)));
      },
    };
  };
  /** Scale and minimum (as a positive number) of one sub-block, real-valued. */
  const fitSub = (w: Float32Array, importance: Float32Array | undefined): { scale: number; min: number } => {
    let [low, high] = [0, 0];
    for (const v of w) [low, high] = [Math.min(low, v), Math.max(high, v)];
    if (affine)
      return fit(
        w,
        importance,
        (share) => ({ scale: ((high - low) * share) / most, min: -low * share }),
        (p, v) => (p.scale === 0 ? 0 : p.scale * clamp(Math.round((v + p.min) / p.scale), 0, most) - p.min),
      );
    // The side that has one code more takes the larger magnitude.
    const sign = -low >= high ? 1 : -1;
    return fit(
      w,
      importance,
      (share) => ({ scale: (sign * Math.max(-low, high) * share) / zero, min: 0 }),
      (p, v) => (p.scale === 0 ? 0 : p.scale * clamp(Math.round(v / p.scale), -zero, most - zero)),
    );
  };
  return defineFormat({
    name,
    logical: 'f32',
    bits,
    group: sub,
    multiple: SPAN,
    planes: {
      ...codePlanes(bits),
      scales: { dtype: affine ? 'u8' : 'i8', per: sub },
      d: { dtype: 'f16', per: SPAN },
      ...(affine ? { minima: { dtype: 'u8', per: sub } as const, dmin: { dtype: 'f16', per: SPAN } as const } : {}),
    },
    grid,
    encode: (row, given) => {
      const codes = new Uint8Array(row.length);
      const grids: SuperGrid[] = [];
      for (let at = 0; at < row.length; at += SPAN) {
        const own = given?.[at / SPAN];
        const part = row.subarray(at, at + SPAN);
        const g = own && isSuper(own) ? own : grid(part);
        grids.push(g);
        codes.set(g.codes(part), at);
      }
      return {
        ...packCodes(codes, bits),
        scales: grids.flatMap((g) => Array.from(g.scales)),
        d: grids.map((g) => g.d),
        ...(affine ? { minima: grids.flatMap((g) => Array.from(g.minima)), dmin: grids.map((g) => g.dmin) } : {}),
      };
    },
    decode: (planes, part) => {
      const one = (plane: string): Expr => {
        const [e] = planes[plane] ?? [];
        if (!e) throw new RangeError(`plane '${plane}' is missing`);
        return e;
      };
      return {
        codes: unpackCodes(planes, bits, sub, part).map((c) => (zero === 0 ? c : c.sub(zero)).cast('f32')),
        scale: one('scales').cast('f32'),
        ...(affine ? { offset: one('minima').cast('f32') } : {}),
        outer: { scale: one('d'), ...(affine ? { offset: one('dmin') } : {}) },
      };
    },
    integer: affine ? integerCodes(bits) : integerCodes(bits, zero),
    // A sub-block's step, and what the integer scales lose: half a step of the largest scale, at the outermost code.
    errorBound: (affine ? 2 / most : 1 / zero) + (affine ? 3 : 1) / (2 * mostScale) + 2 ** -9,
  });
}

const isSuper = (g: Grid): g is SuperGrid => 'scales' in g;
