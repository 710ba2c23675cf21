import type { Dim } from '../../ir/dim.ts';
import type { DType } from '../../ir/dtype.ts';
import type { Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';
import { cast, dimsOf, dtypeOf, reshape, scalar } from './common.ts';

function buildDft(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const flags = { inverse: node.int('inverse', 0) !== 0, onesided: node.int('onesided', 0) !== 0 };
  const length = node.inputs[1] ?? null;
  if (node.opset < 20) return [b.node('dft', [node.input(0), length], { ...flags, axis: node.int('axis', 1) })];
  return [b.node('dft', [node.input(0), length, node.inputs[2] ?? null], { ...flags, axis: -2 })];
}

function buildStft(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const inputs = [node.input(0), node.input(1), node.inputs[2] ?? null, node.inputs[3] ?? null];
  return [b.node('stft', inputs, { onesided: node.int('onesided', 1) !== 0 })];
}

function buildMel(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const inputs = Array.from({ length: 5 }, (_, i) => node.input(i));
  return [b.node('mel_weights', inputs, { dtype: dtypeOf(node, node.int('output_datatype', 1)) })];
}

const buildWindow =
  (kind: string) =>
  (node: OnnxNode, b: GraphBuilder): readonly Value[] => {
    const size = dimsOf(b, reshape(b, node.input(0), [1]), 'size')[0] ?? 0;
    const dtype = dtypeOf(node, node.int('output_datatype', 1));
    return [b.node('window', [], { kind, size, dtype, periodic: node.int('periodic', 1) !== 0 })];
  };

/** The seed attribute, or one made from the node's name: the same model draws the same numbers. */
function seedOf(node: OnnxNode): number {
  // Dropout's seed is an integer, the others' a float.
  if (node.has('seed') && node.op === 'Dropout') return node.int('seed') >>> 0;
  if (node.has('seed')) return new Uint32Array(new Float32Array([node.float('seed')]).buffer)[0] ?? 0;
  let h = 2166136261;
  for (const c of node.name) h = Math.imul(h ^ c.charCodeAt(0), 16777619);
  return h >>> 0;
}

function randomShape(node: OnnxNode): { shape: readonly Dim[]; dtype: DType } {
  if (!node.op.endsWith('Like')) return { shape: node.ints('shape'), dtype: dtypeOf(node, node.int('dtype', 1)) };
  const { type } = node.input(0);
  return { shape: type.shape, dtype: node.has('dtype') ? dtypeOf(node, node.int('dtype')) : type.dtype };
}

function buildUniform(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const range = { low: node.float('low', 0), high: node.float('high', 1) };
  return [b.node('random_uniform', [], { ...randomShape(node), ...range, seed: seedOf(node) })];
}

function buildNormal(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const parameters = { mean: node.float('mean', 0), scale: node.float('scale', 1) };
  return [b.node('random_normal', [], { ...randomShape(node), ...parameters, seed: seedOf(node) })];
}

function buildBernoulli(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const p = node.input(0);
  const draws = b.node('random_uniform', [], {
    shape: p.type.shape,
    dtype: p.type.dtype,
    low: 0,
    high: 1,
    seed: seedOf(node),
  });
  const dtype = node.has('dtype') ? dtypeOf(node, node.int('dtype')) : p.type.dtype;
  return [cast(b, b.node('lt', [draws, p]), dtype)];
}

function buildMultinomial(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const attrs = { samples: node.int('sample_size', 1), dtype: dtypeOf(node, node.int('dtype', 6)), seed: seedOf(node) };
  return [b.node('multinomial', [node.input(0)], attrs)];
}

/** Identity, unless training mode asks for zeros in a share of the elements; the mask tells which stay. */
function buildDropout(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const { dtype, shape } = x.type;
  const training = node.inputs[2];
  const always = node.opset < 7 && node.has('is_test') && node.int('is_test', 0) === 0;
  const maskType: DType = node.opset < 10 ? dtype : 'bool';
  const kept = (): Value => b.node('expand', [scalar(b, maskType, 1)], { shape });
  const known = training ? node.constantInts(2)?.[0] : always ? 1 : 0;
  if (known === 0)
    return (node.outputs[1] ?? '') === '' ? [b.node('identity', [x])] : [b.node('identity', [x]), kept()];
  const ratio = node.inputs[1] ? cast(b, node.inputs[1], 'f32') : scalar(b, 'f32', node.float('ratio', 0.5));
  const draws = b.node('random_uniform', [], { shape, dtype: 'f32', low: 0, high: 1, seed: seedOf(node) });
  const off = training ? b.node('not', [training]) : scalar(b, 'bool', 0);
  const mask = b.node('or', [b.node('ge', [draws, ratio]), off]);
  const scale = b.node('where', [
    off,
    scalar(b, 'f32', 1),
    b.node('reciprocal', [b.node('sub', [scalar(b, 'f32', 1), ratio])]),
  ]);
  const y = b.node('where', [mask, b.node('mul', [x, cast(b, scale, dtype)]), scalar(b, dtype, 0)]);
  return [y, cast(b, mask, maskType)];
}

/** Signal processing and random operators of ai.onnx. */
export const signalOnnxOps: readonly OnnxOp[] = [
  onnxOp('DFT', buildDft, { since: 17 }),
  onnxOp('STFT', buildStft, { since: 17 }),
  onnxOp('MelWeightMatrix', buildMel, { since: 17 }),
  onnxOp('HannWindow', buildWindow('hann'), { since: 17 }),
  onnxOp('HammingWindow', buildWindow('hamming'), { since: 17 }),
  onnxOp('BlackmanWindow', buildWindow('blackman'), { since: 17 }),
  onnxOp('RandomUniform', buildUniform),
  onnxOp('RandomUniformLike', buildUniform),
  onnxOp('RandomNormal', buildNormal),
  onnxOp('RandomNormalLike', buildNormal),
  onnxOp('Bernoulli', buildBernoulli),
  onnxOp('Multinomial', buildMultinomial),
  onnxOp('Dropout', buildDropout),
];
