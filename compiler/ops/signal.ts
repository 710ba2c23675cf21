import type { Dim } from '../ir/dim.ts';
import * as D from '../ir/dim.ts';
import { computeType, type DType } from '../ir/dtype.ts';
import { constant, dimValue, type Expr } from '../ir/expr.ts';
import type { TensorType } from '../ir/graph.ts';
import { defineOp, type ElementContext, type OpDef } from '../ir/op.ts';
import { dimAttr, dimsAttr, dtypeAttr, flagAttr, inputType, lowest, numberAttr, only, stringAttr } from './shapes.ts';

const dense = (dtype: DType, shape: readonly Dim[]): TensorType => ({ dtype, shape, format: 'dense' });
const MOST = 2147483647;

/** Discrete Fourier transform along an axis; complex numbers are pairs in the last axis. Inputs x, length?, axis?. */
const dft = defineOp({
  name: 'dft',
  infer: (c) => {
    const x = inputType(c, 0);
    const rank = x.shape.length;
    const inverse = flagAttr(c.attrs, 'inverse');
    const onesided = flagAttr(c.attrs, 'onesided');
    const parts = inverse && onesided ? 1 : 2;
    const given = c.inputs[2] ? c.known(2)?.[0] : numberAttr(c.attrs, 'axis', 1);
    if (given !== undefined && !D.isStatic(given)) c.fail('the axis must be a number');
    const axis = given === undefined ? undefined : Number(given) < 0 ? Number(given) + rank : Number(given);
    const shape = x.shape.map((n, i) => {
      if (i === rank - 1) return parts;
      if (axis === undefined) return c.dataDependent(`dim${i}`, MOST);
      if (i !== axis) return n;
      // A length that only the run knows must be a symbol of its own: half of a symbol would never be bound.
      if (c.inputs[1] && !c.known(1)) return c.dataDependent('bins', MOST);
      const length = c.known(1)?.[0] ?? (inverse && onesided ? D.mul(2, D.sub(n, 1)) : n);
      return onesided && !inverse ? D.add(D.floorDiv(length, 2), 1) : length;
    });
    return dense(x.dtype, shape);
  },
  host: 'dft',
});

/** Transforms of overlapping windowed frames. Inputs x [batch, n, parts], step, window?, frame length?. */
const stft = defineOp({
  name: 'stft',
  infer: (c) => {
    const x = inputType(c, 0);
    const [batch = 1, n = 0] = x.shape;
    const step = c.known(1)?.[0];
    // The window, where there is one, has the length of a frame.
    const length = c.inputs[2]?.shape[0] ?? c.known(3)?.[0];
    const frames =
      step !== undefined && length !== undefined && D.range(step).min >= 1
        ? D.add(D.floorDiv(D.sub(n, length), step), 1)
        : c.dataDependent('frames', MOST);
    const onesided = flagAttr(c.attrs, 'onesided');
    const bins =
      length === undefined ? c.dataDependent('bins', MOST) : onesided ? D.add(D.floorDiv(length, 2), 1) : length;
    return dense(x.dtype, [batch, frames, bins, 2]);
  },
  host: 'stft',
});

const melWeights = defineOp({
  name: 'mel_weights',
  infer: (c) => {
    const bins = c.known(0)?.[0] ?? c.dataDependent('bins', MOST);
    const length = c.known(1)?.[0];
    const rows = length === undefined ? c.dataDependent('rows', MOST) : D.add(D.floorDiv(length, 2), 1);
    return dense(dtypeAttr(c.attrs, 'dtype', 'f32'), [rows, bins]);
  },
  host: 'mel_weights',
});

/** Window function of `size` points: attribute kind hann, hamming or blackman; periodic or symmetric. */
const window = defineOp({
  name: 'window',
  infer: (c) => dense(dtypeAttr(c.attrs, 'dtype', 'f32'), [dimAttr(c.attrs, 'size', 0)]),
  element: (c) => {
    const out = only(c.outputs).dtype;
    const type = computeType(out) === 'f64' ? 'f64' : 'f32';
    const size = dimAttr(c.attrs, 'size', 0);
    const period = flagAttr(c.attrs, 'periodic') ? size : D.sub(size, 1);
    return ([i = 0]) => {
      // A single symmetric point divides by zero otherwise.
      const turn = dimValue(i)
        .cast(type)
        .div(dimValue(D.max(1, period)).cast(type))
        .mul(2 * Math.PI);
      return windowValue(stringAttr(c.attrs, 'kind', 'hann'), turn).cast(computeType(out));
    };
  },
});

function windowValue(kind: string, turn: Expr): Expr {
  if (kind === 'blackman') return turn.mul(2).cos().mul(0.08).add(turn.cos().mul(-0.5)).add(0.42);
  if (kind === 'hamming')
    return turn
      .cos()
      .mul(-(1 - 25 / 46))
      .add(25 / 46);
  // sin^2(a/2) rather than (1 - cos a)/2: near the ends the latter cancels.
  const half = turn.mul(0.5).sin();
  return half.mul(half);
}

/** Well-mixed bits of a counter and a seed (the finalizer of MurmurHash3). */
function hash(position: Dim, seed: number): Expr {
  let x = dimValue(position)
    .cast('u32')
    .add(seed >>> 0);
  x = x.xor(x.shr(16)).mul(0x85ebca6b);
  x = x.xor(x.shr(13)).mul(0xc2b2ae35);
  return x.xor(x.shr(16));
}

/** Uniform in [0, 1) with 24 bits, from an element's position. */
const uniform = (position: Dim, seed: number): Expr =>
  hash(position, seed)
    .shr(8)
    .cast('f32')
    .mul(2 ** -24);

function linear(shape: readonly Dim[], coords: readonly Dim[]): Dim {
  return shape.reduce<Dim>((p, n, i) => D.add(D.mul(p, n), coords[i] ?? 0), 0);
}

const randomOp = (name: string, value: (c: ElementContext, position: Dim, seed: number) => Expr): OpDef =>
  defineOp({
    name,
    pure: false,
    infer: (c) => dense(dtypeAttr(c.attrs, 'dtype', 'f32'), dimsAttr(c.attrs, 'shape')),
    element: (c) => {
      const { dtype, shape } = only(c.outputs);
      return (coords) => value(c, linear(shape, coords), numberAttr(c.attrs, 'seed', 0)).cast(computeType(dtype));
    },
    flops: () => 16,
  });

const randomUniform = randomOp('random_uniform', (c, position, seed) => {
  const [low, high] = [numberAttr(c.attrs, 'low', 0), numberAttr(c.attrs, 'high', 1)];
  return uniform(position, seed)
    .mul(high - low)
    .add(low);
});

/** Box and Muller's transform of two uniforms. */
const randomNormal = randomOp('random_normal', (c, position, seed) => {
  const radius = constant('f32', 1).sub(uniform(position, seed)).log().mul(-2).sqrt();
  const turn = uniform(position, seed ^ 0x5bd1e995).mul(2 * Math.PI);
  return radius
    .mul(turn.cos())
    .mul(numberAttr(c.attrs, 'scale', 1))
    .add(numberAttr(c.attrs, 'mean', 0));
});

/** `samples` draws from each row of unnormalised log probabilities [batch, classes]. */
const multinomial = defineOp({
  name: 'multinomial',
  pure: false,
  infer: (c) =>
    dense(dtypeAttr(c.attrs, 'dtype', 'i32'), [inputType(c, 0).shape[0] ?? 1, numberAttr(c.attrs, 'samples', 1)]),
  element: (c) => {
    const x = c.inputs[0];
    const classes = x?.shape[1] ?? 1;
    const samples = numberAttr(c.attrs, 'samples', 1);
    return ([row = 0, sample = 0]) => {
      const at = (i: Dim): Expr => c.at(0, [row, i]).cast('f32');
      const top = only(c.fold('max', [classes], [lowest('f32')], ([i = 0], s) => [only(s).max(at(i))]));
      const zero = constant('f32', 0);
      const total = only(c.fold('sum', [classes], [zero], ([i = 0], s) => [only(s).add(at(i).sub(top).exp())]));
      const goal = uniform(D.add(D.mul(row, samples), sample), numberAttr(c.attrs, 'seed', 0)).mul(total);
      const result = c.fold('general', [classes], [zero, constant('i32', 0)], ([i = 0], state) => {
        const sum = only(state).add(at(i).sub(top).exp());
        return [sum, only(state, 1).add(sum.le(goal).select(constant('i32', 1), constant('i32', 0)))];
      });
      return only(result, 1)
        .min(dimValue(D.sub(classes, 1)))
        .cast(computeType(only(c.outputs).dtype));
    };
  },
});

/** Signals and random numbers. Random ops give the same numbers for the same seed on every target. */
export const signalOps: readonly OpDef[] = [dft, stft, melWeights, window, randomUniform, randomNormal, multinomial];
