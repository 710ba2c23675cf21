import { type TensorType, tensor, type Value } from '../../compiler/ir/graph.ts';
import type { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { definePass } from '../pass.ts';
import { type Rewrite, rewrite } from '../rewrite.ts';

/** Ranks in which exporters write norms over the last axis. */
const RANKS = [2, 3, 4];

const shapeOf = (rank: number): number[] => [2, 3, 2, 5].slice(4 - rank);
const sample = (rank: number): Record<string, TensorType> => ({
  x: tensor('f32', shapeOf(rank)),
  eps: tensor('f32', []),
});

/** The number in a constant scalar, if the value is one. */
export function scalarOf(v: Value | undefined): number | undefined {
  const c = v?.constant;
  if (!v || !c || v.type.dtype !== 'f32' || c.bytes !== 4) return undefined;
  const bytes = c.read();
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getFloat32(0, true);
}

const isPositive = (v: Value | undefined): boolean => (scalarOf(v) ?? -1) >= 0;

type Square = 'pow' | 'mul';
type Divide = 'div' | 'reciprocal';

function square(b: GraphBuilder, x: Value, how: Square): Value {
  return how === 'mul' ? b.node('mul', [x, x]) : b.node('pow', [x, b.scalar('f32', 2)]);
}

function divide(b: GraphBuilder, x: Value, by: Value, how: Divide): Value {
  return how === 'div' ? b.node('div', [x, by]) : b.node('mul', [x, b.node('reciprocal', [by])]);
}

const hole = (holes: Readonly<Record<string, Value>>, name: string): Value => {
  const v = holes[name];
  if (!v) throw new TypeError(`hole '${name}' is not bound`);
  return v;
};

/** (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps), in the ways exporters write it. */
function layerNorms(): Rewrite[] {
  const out: Rewrite[] = [];
  for (const rank of RANKS)
    for (const how of ['pow', 'mul'] as const)
      for (const by of ['div', 'reciprocal'] as const)
        out.push(
          rewrite({
            name: `layer-norm-${how}-${by}-${rank}d`,
            holes: ['x', 'eps'],
            sample: [sample(rank)],
            from: (b, h) => {
              const x = hole(h, 'x');
              const axes = { axes: [rank - 1], keepDims: true };
              const centred = b.node('sub', [x, b.node('reduce_mean', [x], axes)]);
              const variance = b.node('reduce_mean', [square(b, centred, how)], axes);
              return divide(b, centred, b.node('sqrt', [b.node('add', [variance, hole(h, 'eps')])]), by);
            },
            where: ({ holes }) => isPositive(holes.eps) && holes.x?.type.shape.length === rank,
            to: (b, h) => b.node('layer_norm', [hole(h, 'x')], { axis: rank - 1, eps: scalarOf(h.eps) ?? 1e-5 }),
          }),
        );
  return out;
}

/** x / sqrt(mean(x^2) + eps). */
function rmsNorms(): Rewrite[] {
  const out: Rewrite[] = [];
  for (const rank of RANKS)
    for (const how of ['pow', 'mul'] as const)
      for (const by of ['div', 'reciprocal'] as const)
        out.push(
          rewrite({
            name: `rms-norm-${how}-${by}-${rank}d`,
            holes: ['x', 'eps'],
            sample: [sample(rank)],
            from: (b, h) => {
              const x = hole(h, 'x');
              const mean = b.node('reduce_mean', [square(b, x, how)], { axes: [rank - 1], keepDims: true });
              return divide(b, x, b.node('sqrt', [b.node('add', [mean, hole(h, 'eps')])]), by);
            },
            where: ({ holes }) => isPositive(holes.eps) && holes.x?.type.shape.length === rank,
            to: (b, h) => b.node('rms_norm', [hole(h, 'x')], { axis: rank - 1, eps: scalarOf(h.eps) ?? 1e-5 }),
          }),
        );
  return out;
}

/** Decomposed norms become one op, so that nobody assigns a narrow type to a variance and one kernel reads each row. */
export const recognizeNorms = definePass({
  name: 'recognize-norms',
  phase: 'recognize',
  does: 'turns decomposed layer and RMS normalisations into one op',
  establishes: ['norms-recognized'],
  rewrites: [...layerNorms(), ...rmsNorms()],
});
