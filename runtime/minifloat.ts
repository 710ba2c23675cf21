import type { DType } from './dtype.ts';

/**
 * Floats narrower than 32 bits as raw bits. Rounding is to nearest, ties to even; overflow gives infinity, or saturates to the largest
 * finite value when asked or when the type has no infinity (OCP 8-bit formats, ONNX `Cast` with `saturate=1`).
 */
interface Layout {
  readonly exponent: number;
  readonly mantissa: number;
  readonly bias: number;
  /** Bits of the largest finite magnitude. */
  readonly largest: number;
  readonly infinity?: number;
  readonly nan?: number;
  /** The one NaN of the `fnuz` types is the pattern of minus zero; they have no minus zero. */
  readonly unsignedZero?: true;
}

const LAYOUTS: Partial<Record<DType, Layout>> = {
  f16: { exponent: 5, mantissa: 10, bias: 15, largest: 0x7bff, infinity: 0x7c00, nan: 0x7e00 },
  bf16: { exponent: 8, mantissa: 7, bias: 127, largest: 0x7f7f, infinity: 0x7f80, nan: 0x7fc0 },
  f8e4m3fn: { exponent: 4, mantissa: 3, bias: 7, largest: 0x7e, nan: 0x7f },
  f8e4m3fnuz: { exponent: 4, mantissa: 3, bias: 8, largest: 0x7f, nan: 0x80, unsignedZero: true },
  f8e5m2: { exponent: 5, mantissa: 2, bias: 15, largest: 0x7b, infinity: 0x7c, nan: 0x7f },
  f8e5m2fnuz: { exponent: 5, mantissa: 2, bias: 16, largest: 0x7f, nan: 0x80, unsignedZero: true },
  f4e2m1: { exponent: 2, mantissa: 1, bias: 1, largest: 0x7 },
};

const scratch = new DataView(new ArrayBuffer(8));

/** floor(log2(x)) of a positive finite double, exactly. */
function exponentOf(x: number): number {
  scratch.setFloat64(0, x);
  const e = (scratch.getUint32(0) >>> 20) & 0x7ff;
  return e === 0 ? exponentOf(x * 2 ** 64) - 64 : e - 1023;
}

/** To nearest integer, ties to even, keeping the sign of zero. */
export function roundHalfEven(x: number): number {
  if (!(Math.abs(x) < 4503599627370496)) return x;
  const f = Math.floor(x);
  const d = x - f;
  const r = d < 0.5 ? f : d > 0.5 ? f + 1 : f % 2 === 0 ? f : f + 1;
  return r === 0 && (x < 0 || Object.is(x, -0)) ? -0 : r;
}

/** Bits of `value` rounded to a 16-bit or narrower float type. */
export function encodeFloat(dtype: DType, value: number, saturate = false): number {
  if (dtype === 'f8e8m0') return encodeE8m0(value);
  const t = LAYOUTS[dtype];
  if (!t) throw new TypeError(`${dtype} is not a narrow float`);
  const negative = value < 0 || Object.is(value, -0);
  const sign = negative ? 1 << (t.exponent + t.mantissa) : 0;
  if (Number.isNaN(value)) return t.nan ?? t.largest;
  const a = Math.abs(value);
  if (a === 0) return t.unsignedZero ? 0 : sign;
  let bits: number;
  if (a === Number.POSITIVE_INFINITY) bits = Number.POSITIVE_INFINITY;
  else {
    const e = Math.max(exponentOf(a), 1 - t.bias);
    // A carry out of the mantissa moves on into the exponent by itself.
    bits = (e + t.bias - 1) * 2 ** t.mantissa + roundHalfEven(a * 2 ** (t.mantissa - e));
  }
  if (bits > t.largest) {
    if (saturate || (t.infinity === undefined && t.nan === undefined)) bits = t.largest;
    else if (t.infinity !== undefined) bits = t.infinity;
    else return (t.unsignedZero ? 0 : sign) | (t.nan ?? t.largest);
  }
  return bits === 0 && t.unsignedZero ? 0 : sign | bits;
}

/** Value of the raw bits of a 16-bit or narrower float type. */
export function decodeFloat(dtype: DType, bits: number): number {
  if (dtype === 'f16') return decodeHalf(bits);
  if (dtype === 'bf16') {
    scratch.setUint32(0, bits << 16);
    return scratch.getFloat32(0);
  }
  if (dtype === 'f8e8m0') return bits === 255 ? Number.NaN : 2 ** (bits - 127);
  const t = LAYOUTS[dtype];
  if (!t) throw new TypeError(`${dtype} is not a narrow float`);
  return decodeWith(t, bits);
}

function decodeWith(t: Layout, bits: number): number {
  const signBit = 1 << (t.exponent + t.mantissa);
  if (t.unsignedZero && bits === signBit) return Number.NaN;
  const magnitude = bits & (signBit - 1);
  const sign = bits & signBit ? -1 : 1;
  if (magnitude > t.largest) return magnitude === t.infinity ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  const e = magnitude >> t.mantissa;
  const m = magnitude & ((1 << t.mantissa) - 1);
  return e === 0
    ? sign * m * 2 ** (1 - t.bias - t.mantissa)
    : sign * (m + (1 << t.mantissa)) * 2 ** (e - t.bias - t.mantissa);
}

/** The fields moved to where an f32 has them; its exponent counts from elsewhere. */
function decodeHalf(bits: number): number {
  scratch.setUint32(0, ((bits & 0x8000) << 16) | ((bits & 0x7fff) << 13));
  const v = scratch.getFloat32(0) * 2 ** 112;
  return (bits & 0x7c00) < 0x7c00 ? v : bits & 1023 ? Number.NaN : v * Number.POSITIVE_INFINITY;
}

/** Powers of two only: rounds up to the next one (ONNX default), saturating. */
function encodeE8m0(value: number): number {
  if (Number.isNaN(value)) return 255;
  const a = Math.abs(value);
  if (a === 0) return 0;
  if (a === Number.POSITIVE_INFINITY) return 254;
  const e = exponentOf(a);
  const up = 2 ** e === a ? e : e + 1;
  return Math.min(254, Math.max(0, up + 127));
}
