import type { Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';

function buildSplit(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const attrs = {
    delimiter: node.string('delimiter', ''),
    ...(node.has('maxsplit') ? { maxSplit: node.int('maxsplit') } : {}),
  };
  return b.nodes('string_split', [node.input(0)], attrs);
}

function buildNormalizer(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const attrs = {
    case: node.choice('case_change_action', ['LOWER', 'UPPER', 'NONE'], 'NONE'),
    caseSensitive: node.int('is_case_sensitive', 0) !== 0,
    stopWords: node.strings('stopwords', []),
  };
  return [b.node('string_normalize', [node.input(0)], attrs)];
}

function buildTfIdf(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const attrs = {
    mode: node.choice('mode', ['TF', 'IDF', 'TFIDF']),
    min: node.int('min_gram_length'),
    max: node.int('max_gram_length'),
    skips: node.int('max_skip_count'),
    counts: node.ints('ngram_counts'),
    indexes: node.ints('ngram_indexes'),
    pool: node.has('pool_strings') ? node.strings('pool_strings') : node.ints('pool_int64s'),
    weights: node.floats('weights', []),
  };
  return [b.node('tf_idf', [node.input(0)], attrs)];
}

/** Operators of ai.onnx on strings. */
export const stringOnnxOps: readonly OnnxOp[] = [
  onnxOp('StringConcat', (node, b) => [b.node('string_join', [node.input(0), node.input(1)])]),
  onnxOp('StringSplit', buildSplit),
  onnxOp('StringNormalizer', buildNormalizer),
  onnxOp('RegexFullMatch', (node, b) => [
    b.node('regex_full_match', [node.input(0)], { pattern: node.string('pattern') }),
  ]),
  onnxOp('TfIdfVectorizer', buildTfIdf),
];
