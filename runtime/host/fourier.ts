import type { HostContext, HostOp, HostTensor, HostValue } from '../host.ts';
import { encodeFloat } from '../minifloat.ts';
import { emptyTensor, isTensor, sizeOf, toNumbers } from './values.ts';

const numbersAt = (v: HostValue | undefined): number[] | undefined => (isTensor(v) ? toNumbers(v) : undefined);

/** In-place transform of a power-of-two length (Cooley and Tukey's algorithm, bit-reversed order first). */
function transformPowerOfTwo(re: Float64Array, im: Float64Array, sign: number): void {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j] ?? 0, re[i] ?? 0];
      [im[i], im[j]] = [im[j] ?? 0, im[i] ?? 0];
    }
  }
  for (let size = 2; size <= n; size *= 2) {
    for (let k = 0; k < size / 2; k++) {
      const [c, s] = [Math.cos((2 * Math.PI * k) / size), sign * Math.sin((2 * Math.PI * k) / size)];
      for (let a = k; a < n; a += size) {
        const b = a + size / 2;
        const x = (re[b] ?? 0) * c - (im[b] ?? 0) * s;
        const y = (re[b] ?? 0) * s + (im[b] ?? 0) * c;
        re[b] = (re[a] ?? 0) - x;
        im[b] = (im[a] ?? 0) - y;
        re[a] = (re[a] ?? 0) + x;
        im[a] = (im[a] ?? 0) + y;
      }
    }
  }
}

/** Unscaled discrete Fourier transform in place, in double precision; any length (Bluestein's algorithm where it is no power of two). */
export function transform(re: Float64Array, im: Float64Array, inverse: boolean): void {
  const n = re.length;
  const sign = inverse ? 1 : -1;
  if (n <= 1) return;
  if ((n & (n - 1)) === 0) {
    transformPowerOfTwo(re, im, sign);
    return;
  }
  const size = 2 ** Math.ceil(Math.log2(2 * n - 1));
  const [ar, ai, br, bi] = [0, 1, 2, 3].map(() => new Float64Array(size)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const chirp = Array.from({ length: n }, (_, k) => {
    // k^2 modulo 2n keeps the angle small and exact.
    const angle = (Math.PI * ((k * k) % (2 * n))) / n;
    return [Math.cos(angle), sign * Math.sin(angle)] as const;
  });
  chirp.forEach(([c, s], k) => {
    ar[k] = (re[k] ?? 0) * c - (im[k] ?? 0) * s;
    ai[k] = (re[k] ?? 0) * s + (im[k] ?? 0) * c;
    br[k] = c;
    bi[k] = -s;
    if (k > 0) {
      br[size - k] = c;
      bi[size - k] = -s;
    }
  });
  transformPowerOfTwo(ar, ai, -1);
  transformPowerOfTwo(br, bi, -1);
  for (let k = 0; k < size; k++) {
    const x = (ar[k] ?? 0) * (br[k] ?? 0) - (ai[k] ?? 0) * (bi[k] ?? 0);
    ai[k] = (ar[k] ?? 0) * (bi[k] ?? 0) + (ai[k] ?? 0) * (br[k] ?? 0);
    ar[k] = x;
  }
  transformPowerOfTwo(ar, ai, 1);
  chirp.forEach(([c, s], k) => {
    const [x, y] = [(ar[k] ?? 0) / size, (ai[k] ?? 0) / size];
    re[k] = x * c - y * s;
    im[k] = x * s + y * c;
  });
}

const encoder = (dtype: HostTensor['dtype']): ((v: number) => number) =>
  dtype === 'f16' || dtype === 'bf16' ? (v) => encodeFloat(dtype, v) : (v) => v;

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
  const out = emptyTensor(x.dtype, shape);
  const encode = encoder(x.dtype);
  const source = toNumbers(x);
  const inner = sizeOf(x.shape.slice(axis + 1, rank - 1));
  const outer = sizeOf(x.shape.slice(0, axis));
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
      transform(re, im, inverse);
      const scale = inverse ? 1 / length : 1;
      for (let k = 0; k < bins; k++) {
        const at = ((o * bins + k) * inner + i) * outParts;
        out.data[at] = encode((re[k] ?? 0) * scale);
        if (outParts === 2) out.data[at + 1] = encode((im[k] ?? 0) * scale);
      }
    }
  }
  return [out];
};

/** STFT of ai.onnx: inputs signal [batch, n, 1 or 2], step, window?, frame length?; attribute onesided. */
export const stft: HostOp = (inputs, attrs, c) => {
  const x = signalOf(inputs[0], c);
  const [batch = 1, n = 0, parts = 1] = x.shape;
  const step = numbersAt(inputs[1])?.[0] ?? c.fail('the step is missing');
  const window = numbersAt(inputs[2]);
  const length = numbersAt(inputs[3])?.[0] ?? window?.length ?? c.fail('neither a window nor a frame length is given');
  if (!(step >= 1 && length >= 1 && length <= n)) c.fail(`frames of ${length} every ${step} of a signal of ${n}`);
  const frames = 1 + Math.floor((n - length) / step);
  const bins = attrs.onesided === true ? Math.floor(length / 2) + 1 : length;
  const out = emptyTensor(x.dtype, [batch, frames, bins, 2]);
  const encode = encoder(x.dtype);
  const source = toNumbers(x);
  let to = 0;
  for (let b = 0; b < batch; b++) {
    for (let f = 0; f < frames; f++) {
      const [re, im] = [new Float64Array(length), new Float64Array(length)];
      for (let k = 0; k < length; k++) {
        const at = (b * n + f * step + k) * parts;
        const w = window ? (window[k] ?? 0) : 1;
        re[k] = (source[at] ?? 0) * w;
        im[k] = parts === 2 ? (source[at + 1] ?? 0) * w : 0;
      }
      transform(re, im, false);
      for (let k = 0; k < bins; k++) {
        out.data[to++] = encode(re[k] ?? 0);
        out.data[to++] = encode(im[k] ?? 0);
      }
    }
  }
  return [out];
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
  const out = emptyTensor(dtype, [rows, bins]);
  const encode = encoder(dtype);
  const put = (row: number, bin: number, v: number) => {
    if (row >= 0 && row < rows) out.data[row * bins + bin] = encode(v);
  };
  for (let i = 0; i < bins; i++) {
    const [left = 0, centre = 0, right = 0] = edges.slice(i, i + 3);
    if (centre === left) put(centre, i, 1);
    else for (let j = left; j <= centre; j++) put(j, i, (j - left) / (centre - left));
    for (let j = centre; j < right; j++) put(j, i, (right - j) / (right - centre));
  }
  return [out];
};
