import type { HostContext, HostOp, HostTensor, HostValue } from '../host.ts';
import { encodeFloat } from '../minifloat.ts';
import { emptyTensor, isTensor, sizeOf, toDoubles, toNumbers } from './values.ts';

const numbersAt = (v: HostValue | undefined): number[] | undefined => (isTensor(v) ? toNumbers(v) : undefined);

interface Complex {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

const zeros = (n: number): Complex => ({ re: new Float64Array(n), im: new Float64Array(n) });

/** e^(-2 pi i k / n) for k below `count`. */
function roots(n: number, count: number): Complex {
  const out = zeros(count);
  for (let k = 0; k < count; k++) {
    out.re[k] = Math.cos((2 * Math.PI * k) / n);
    out.im[k] = -Math.sin((2 * Math.PI * k) / n);
  }
  return out;
}

/** An unscaled forward transform in place. */
type Transform = (x: Complex) => void;

/** A power-of-two length: Cooley and Tukey's algorithm, bit-reversed order first. */
function powerOfTwo(n: number): Transform {
  const { re: cos, im: sin } = roots(n, n >> 1);
  // Destructured arrays would cost several times the arithmetic of these loops.
  return ({ re, im }) => {
    for (let i = 1, j = 0; i < n; i++) {
      let bit = n >> 1;
      for (; j & bit; bit >>= 1) j ^= bit;
      j ^= bit;
      if (i < j) {
        const x = re[i] ?? 0;
        const y = im[i] ?? 0;
        re[i] = re[j] ?? 0;
        im[i] = im[j] ?? 0;
        re[j] = x;
        im[j] = y;
      }
    }
    let quarter = 1;
    if (Math.log2(n) % 2 !== 0) {
      for (let a = 0; a < n; a += 2) {
        const p = re[a + 1] ?? 0;
        const q = im[a + 1] ?? 0;
        re[a + 1] = (re[a] ?? 0) - p;
        im[a + 1] = (im[a] ?? 0) - q;
        re[a] = (re[a] ?? 0) + p;
        im[a] = (im[a] ?? 0) + q;
      }
      quarter = 2;
    }
    // Two steps at a time: four elements are read and written once for both.
    for (; quarter < n; quarter *= 4) {
      const step = n / (4 * quarter);
      for (let from = 0; from < n; from += 4 * quarter) {
        for (let k = 0; k < quarter; k++) {
          const a = from + k;
          const b = a + quarter;
          const c = b + quarter;
          const d = c + quarter;
          const wr = cos[2 * k * step] ?? 0;
          const wi = sin[2 * k * step] ?? 0;
          const vr = cos[k * step] ?? 0;
          const vi = sin[k * step] ?? 0;
          const br = (re[b] ?? 0) * wr - (im[b] ?? 0) * wi;
          const bi = (re[b] ?? 0) * wi + (im[b] ?? 0) * wr;
          const dr = (re[d] ?? 0) * wr - (im[d] ?? 0) * wi;
          const di = (re[d] ?? 0) * wi + (im[d] ?? 0) * wr;
          const pr = (re[a] ?? 0) + br;
          const pi = (im[a] ?? 0) + bi;
          const qr = (re[a] ?? 0) - br;
          const qi = (im[a] ?? 0) - bi;
          const sr = (re[c] ?? 0) + dr;
          const si = (im[c] ?? 0) + di;
          const tr = (re[c] ?? 0) - dr;
          const ti = (im[c] ?? 0) - di;
          const er = sr * vr - si * vi;
          const ei = sr * vi + si * vr;
          // The fourth root of unity on top: -i.
          const fr = tr * vi + ti * vr;
          const fi = ti * vi - tr * vr;
          re[a] = pr + er;
          im[a] = pi + ei;
          re[b] = qr + fr;
          im[b] = qi + fi;
          re[c] = pr - er;
          im[c] = pi - ei;
          re[d] = qr - fr;
          im[d] = qi - fi;
        }
      }
    }
  };
}

/** Any length: Bluestein's algorithm, a convolution with a chirp. */
function bluestein(n: number): Transform {
  const size = 2 ** Math.ceil(Math.log2(2 * n - 1));
  const chirp = zeros(n);
  const filter = zeros(size);
  for (let k = 0; k < n; k++) {
    // k^2 modulo 2n keeps the angle small and exact.
    const angle = (Math.PI * ((k * k) % (2 * n))) / n;
    chirp.re[k] = Math.cos(angle);
    chirp.im[k] = -Math.sin(angle);
    for (const at of [k, (size - k) % size]) {
      filter.re[at] = Math.cos(angle);
      filter.im[at] = Math.sin(angle);
    }
  }
  const whole = powerOfTwo(size);
  whole(filter);
  return ({ re, im }) => {
    const a = zeros(size);
    for (let k = 0; k < n; k++) {
      const [x, y, c, s] = [re[k] ?? 0, im[k] ?? 0, chirp.re[k] ?? 0, chirp.im[k] ?? 0];
      a.re[k] = x * c - y * s;
      a.im[k] = x * s + y * c;
    }
    whole(a);
    // The inverse of a product by a forward transform: exchange the parts before and after.
    const b = zeros(size);
    for (let k = 0; k < size; k++) {
      const [x, y, c, s] = [a.re[k] ?? 0, a.im[k] ?? 0, filter.re[k] ?? 0, filter.im[k] ?? 0];
      b.im[k] = (x * c - y * s) / size;
      b.re[k] = (x * s + y * c) / size;
    }
    whole(b);
    for (let k = 0; k < n; k++) {
      const [x, y, c, s] = [b.im[k] ?? 0, b.re[k] ?? 0, chirp.re[k] ?? 0, chirp.im[k] ?? 0];
      re[k] = x * c - y * s;
      im[k] = x * s + y * c;
    }
  };
}

/** Transforms of the length used last: a model's frames share one. */
const made = new Map<number, Transform>();

function forward(n: number): Transform {
  let t = made.get(n);
  if (!t) {
    t = (n & (n - 1)) === 0 ? powerOfTwo(n) : bluestein(n);
    made.clear();
    made.set(n, t);
  }
  return t;
}

/** Transform of real numbers, half the work where their count is even: they are the parts of half as many complex ones. */
function realTransform(n: number): Transform {
  const half = n / 2;
  const { re: cos, im: sin } = roots(n, half);
  const z = zeros(half);
  const transform = forward(half);
  return ({ re, im }) => {
    for (let k = 0; k < half; k++) {
      z.re[k] = re[2 * k] ?? 0;
      z.im[k] = re[2 * k + 1] ?? 0;
    }
    transform(z);
    for (let k = 0; k < half; k++) {
      const m = k === 0 ? 0 : half - k;
      const a = z.re[k] ?? 0;
      const b = z.im[k] ?? 0;
      const c = z.re[m] ?? 0;
      const d = z.im[m] ?? 0;
      // The transform of the even numbers, and that of the odd ones turned.
      const er = (a + c) / 2;
      const ei = (b - d) / 2;
      const or = (b + d) / 2;
      const oi = (c - a) / 2;
      const w = cos[k] ?? 0;
      const v = sin[k] ?? 0;
      const x = or * w - oi * v;
      const y = or * v + oi * w;
      re[k] = er + x;
      im[k] = ei + y;
      re[k + half] = er - x;
      im[k + half] = ei - y;
    }
  };
}

/** Unscaled discrete Fourier transform in place, in double precision, of any length. */
function transformOf(n: number, real: boolean, inverse: boolean): (re: Float64Array, im: Float64Array) => void {
  if (n < 2) return () => undefined;
  const t = real && !inverse && n % 2 === 0 ? realTransform(n) : forward(n);
  return (re, im) => t(inverse ? { re: im, im: re } : { re, im });
}

type Numbers = Float32Array | Float64Array;

/** Room for the values of a tensor: of its dtype or, where that has 16 bits, as doubles. */
const roomFor = (dtype: HostTensor['dtype'], n: number): Numbers =>
  dtype === 'f32' ? new Float32Array(n) : new Float64Array(n);

/** A tensor of these values: converted as a whole, since a call for each would cost more than the transforms. */
function tensorOf(dtype: HostTensor['dtype'], shape: readonly number[], values: Numbers): HostTensor {
  if (dtype === 'f32' || dtype === 'f64') return { dtype, shape, data: values };
  const out = emptyTensor(dtype, shape);
  values.forEach((v, i) => void (out.data[i] = encodeFloat(dtype, v)));
  return out;
}

function signalOf(v: HostValue | undefined, c: HostContext): HostTensor {
  return isTensor(v) ? v : c.fail('the signal is missing');
}

/** DFT of ai.onnx: inputs signal [..., 1 or 2], length?, axis?; attributes axis, inverse, onesided. */
export const dft: HostOp = (inputs, attrs, c) => {
  const x = signalOf(inputs[0], c);
  const rank = x.shape.length;
  const given = numbersAt(inputs[2])?.[0] ?? Number(attrs.axis);
  const axis = given < 0 ? given + rank : given;
  const inverse = attrs.inverse === true;
  const onesided = attrs.onesided === true;
  const have = x.shape[axis] ?? 1;
  const length = numbersAt(inputs[1])?.[0] ?? (inverse && onesided ? 2 * (have - 1) : have);
  if (!(length >= 1)) c.fail(`a transform of length ${length}`);
  const parts = x.shape[rank - 1] ?? 1;
  const bins = onesided && !inverse ? Math.floor(length / 2) + 1 : length;
  const outParts = onesided && inverse ? 1 : 2;
  const shape = x.shape.map((d, i) => (i === axis ? bins : i === rank - 1 ? outParts : d));
  const out = roomFor(x.dtype, sizeOf(shape));
  const source = toDoubles(x);
  const inner = sizeOf(x.shape.slice(axis + 1, rank - 1));
  const outer = sizeOf(x.shape.slice(0, axis));
  const apply = transformOf(length, parts === 1, inverse);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const [re, im] = [new Float64Array(length), new Float64Array(length)];
      for (let k = 0; k < Math.min(have, length); k++) {
        const at = ((o * have + k) * inner + i) * parts;
        re[k] = source[at] ?? 0;
        im[k] = parts === 2 ? (source[at + 1] ?? 0) : 0;
      }
      // The other half of a one-sided spectrum is its mirror image.
      if (onesided && inverse) {
        for (let k = have; k < length; k++) {
          re[k] = re[length - k] ?? 0;
          im[k] = -(im[length - k] ?? 0);
        }
      }
      apply(re, im);
      const scale = inverse ? 1 / length : 1;
      for (let k = 0; k < bins; k++) {
        const at = ((o * bins + k) * inner + i) * outParts;
        out[at] = (re[k] ?? 0) * scale;
        if (outParts === 2) out[at + 1] = (im[k] ?? 0) * scale;
      }
    }
  }
  return [tensorOf(x.dtype, shape, out)];
};

/** Every `stride`th number from `from` on, times the window. */
function weigh(to: Float64Array, source: Float64Array, from: number, stride: number, window: Float64Array): void {
  for (let k = 0, at = from; k < to.length; k++, at += stride) to[k] = (source[at] ?? 0) * (window[k] ?? 0);
}

/** STFT of ai.onnx: inputs signal [batch, n, 1 or 2], step, window?, frame length?; attribute onesided. */
export const stft: HostOp = (inputs, attrs, c) => {
  const x = signalOf(inputs[0], c);
  const [batch = 1, n = 0, parts = 1] = x.shape;
  const step = numbersAt(inputs[1])?.[0] ?? c.fail('the step is missing');
  const given = isTensor(inputs[2]) ? toDoubles(inputs[2]) : undefined;
  const length = numbersAt(inputs[3])?.[0] ?? given?.length ?? c.fail('neither a window nor a frame length is given');
  if (!(step >= 1 && length >= 1 && length <= n)) c.fail(`frames of ${length} every ${step} of a signal of ${n}`);
  const window = given ?? new Float64Array(length).fill(1);
  const frames = 1 + Math.floor((n - length) / step);
  const bins = attrs.onesided === true ? Math.floor(length / 2) + 1 : length;
  const shape = [batch, frames, bins, 2];
  const out = roomFor(x.dtype, sizeOf(shape));
  const source = toDoubles(x);
  const apply = transformOf(length, parts === 1, false);
  const { re, im } = zeros(length);
  let to = 0;
  for (let b = 0; b < batch; b++) {
    for (let f = 0; f < frames; f++) {
      const from = (b * n + f * step) * parts;
      weigh(re, source, from, parts, window);
      if (parts === 2) weigh(im, source, from + 1, parts, window);
      else im.fill(0);
      apply(re, im);
      for (let k = 0; k < bins; k++) {
        out[to++] = re[k] ?? 0;
        out[to++] = im[k] ?? 0;
      }
    }
  }
  return [tensorOf(x.dtype, shape, out)];
};

/** MelWeightMatrix of ai.onnx: inputs bins, transform length, sample rate, lowest and highest frequency; output [length/2 + 1, bins]. */
export const melWeights: HostOp = (inputs, attrs, c) => {
  const [bins = 0, length = 0, rate = 1, low = 0, high = 0] = inputs.map(
    (v) => numbersAt(v)?.[0] ?? c.fail('an input is missing'),
  );
  const rows = Math.floor(length / 2) + 1;
  const mel = (hertz: number): number => 2595 * Math.log10(1 + hertz / 700);
  const step = (mel(high) - mel(low)) / (bins + 2);
  const edges = Array.from({ length: bins + 2 }, (_, i) => {
    const hertz = 700 * (10 ** ((i * step + mel(low)) / 2595) - 1);
    return Math.floor(((length + 1) * hertz) / rate);
  });
  const dtype = String(attrs.dtype) as HostTensor['dtype'];
  const out = roomFor(dtype, rows * bins);
  const put = (row: number, bin: number, v: number) => {
    if (row >= 0 && row < rows) out[row * bins + bin] = v;
  };
  for (let i = 0; i < bins; i++) {
    const [left = 0, centre = 0, right = 0] = edges.slice(i, i + 3);
    if (centre === left) put(centre, i, 1);
    else for (let j = left; j <= centre; j++) put(j, i, (j - left) / (centre - left));
    for (let j = centre; j < right; j++) put(j, i, (right - j) / (right - centre));
  }
  return [tensorOf(dtype, [rows, bins], out)];
};
