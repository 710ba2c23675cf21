import type { Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';

/** Scores [n, classes] as a map of each row from label to score: what exports of sklearn's classifiers end in. */
function buildZipMap(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const words = node.has('classlabels_strings');
  const labels = words ? node.strings('classlabels_strings') : node.ints('classlabels_int64s');
  return [b.node('zip_map', [node.input(0)], { labels, keys: words ? 'string' : 'i64' })];
}

/** The values of a map in the order of a vocabulary, as one row; 0 where it has none. */
function buildDictVectorizer(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const words = node.has('string_vocabulary');
  const keys = words ? node.strings('string_vocabulary') : node.ints('int64_vocabulary');
  return [b.node('map_row', [node.input(0)], { keys, count: keys.length, dtype: node.input(0).type.dtype })];
}

/** The values of a map of whole numbers as one row: in order (DENSE), or each at its number of `max_map` places (SPARSE). */
function buildCastMap(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const to = { TO_FLOAT: 'f32', TO_STRING: 'string', TO_INT64: 'i64' } as const;
  const dtype = to[node.choice('cast_to', ['TO_FLOAT', 'TO_STRING', 'TO_INT64'], 'TO_FLOAT')];
  const sparse = node.choice('map_form', ['DENSE', 'SPARSE'], 'DENSE') === 'SPARSE';
  if (!sparse) return [b.node('map_row', [node.input(0)], { dtype })];
  const count = node.int('max_map', 1);
  return [b.node('map_row', [node.input(0)], { dtype, count, keys: Array.from({ length: count }, (_, i) => i) })];
}

const ML = { domain: 'ai.onnx.ml' };

/** Operators of ai.onnx.ml that make or take maps. */
export const mapOnnxOps: readonly OnnxOp[] = [
  onnxOp('ZipMap', buildZipMap, ML),
  onnxOp('DictVectorizer', buildDictVectorizer, ML),
  onnxOp('CastMap', buildCastMap, ML),
];
