import { readFileSync } from 'node:fs';

/** Samples in [-1, 1) of a WAVE file of one channel of 16-bit numbers. */
export function readWave(file: string): Float32Array {
  const bytes = readFileSync(file);
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = bytes.readUInt32LE(at + 4);
    if (bytes.toString('latin1', at, at + 4) === 'data')
      return Float32Array.from({ length: size / 2 }, (_, i) => bytes.readInt16LE(at + 8 + 2 * i) / 32768);
    at += 8 + size + (size % 2);
  }
  throw new Error(`${file} has no samples`);
}

/** The lower half of the discrete Fourier transform of real samples, by its definition. */
export function spectrum(frame: ArrayLike<number>): { re: Float64Array; im: Float64Array } {
  const n = frame.length;
  const cos = Float64Array.from({ length: n }, (_, i) => Math.cos((2 * Math.PI * i) / n));
  const [re, im] = [new Float64Array(n / 2 + 1), new Float64Array(n / 2 + 1)];
  for (let k = 0; k <= n / 2; k++)
    for (let t = 0; t < n; t++) {
      const x = frame[t] ?? 0;
      re[k] = (re[k] ?? 0) + x * (cos[(k * t) % n] ?? 0);
      im[k] = (im[k] ?? 0) + x * (cos[(k * t + n / 4) % n] ?? 0);
    }
  return { re, im };
}

/** Real samples of a spectrum's lower half. */
export function samplesOf(re: ArrayLike<number>, im: ArrayLike<number>): Float32Array {
  const n = 2 * (re.length - 1);
  const cos = Float64Array.from({ length: n }, (_, i) => Math.cos((2 * Math.PI * i) / n));
  return Float32Array.from({ length: n }, (_, t) => {
    let sum = 0;
    for (let k = 0; k <= n / 2; k++) {
      const twice = k === 0 || k === n / 2 ? 1 : 2;
      sum += twice * ((re[k] ?? 0) * (cos[(k * t) % n] ?? 0) + (im[k] ?? 0) * (cos[(k * t + n / 4) % n] ?? 0));
    }
    return sum / n;
  });
}

/** Root of a periodic Hann window. */
export const rootHann = (n: number): Float64Array =>
  Float64Array.from({ length: n }, (_, i) => Math.sin((Math.PI * i) / n));
