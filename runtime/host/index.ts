import type { HostOp } from '../host.ts';
import { checkIndex } from './check-index.ts';
import { fail } from './fail.ts';
import { dft, melWeights, stft } from './fourier.ts';
import { linearAttention } from './linear-attention.ts';
import { mapRow, zipMap } from './maps.ts';
import { labelEncode, tfIdf, treeEnsemble } from './ml.ts';
import { gru, lstm, rnn } from './recurrent.ts';
import { resampleTable } from './resample-table.ts';
import { maxRoiPool, roiAlign } from './roi-align.ts';
import { padBy, readDims, reshapeTo, sliceBy, squeeze, unsqueeze } from './runtime-shape.ts';
import { scatterElements, scatterNd } from './scatter.ts';
import { bitcast, compress, det, nonMaxSuppression, nonZero, tensorScatter, topK, unique } from './select.ts';
import {
  concatFromSequence,
  containerIdentity,
  optional,
  optionalEmpty,
  optionalGetElement,
  optionalHasElement,
  sequenceAt,
  sequenceConstruct,
  sequenceEmpty,
  sequenceErase,
  sequenceInsert,
  sequenceLength,
  splitToSequence,
} from './sequence.ts';
import {
  regexFullMatch,
  stringCast,
  stringConcat,
  stringEqual,
  stringExpand,
  stringGather,
  stringJoin,
  stringNormalize,
  stringReshape,
  stringSlice,
  stringSplit,
  stringTile,
  stringTranspose,
  stringWhere,
} from './strings.ts';
import { coupleProbabilities } from './svm.ts';
import { wasmKernel } from './wasm-kernel.ts';

/** Host functions by name, one line each; an artifact carries only those its plan needs. */
const functions: Readonly<Record<string, HostOp>> = {
  regex_full_match: regexFullMatch,
  string_cast: stringCast,
  string_concat: stringConcat,
  string_equal: stringEqual,
  string_expand: stringExpand,
  string_gather: stringGather,
  string_join: stringJoin,
  string_normalize: stringNormalize,
  string_reshape: stringReshape,
  string_slice: stringSlice,
  string_split: stringSplit,
  string_tile: stringTile,
  string_transpose: stringTranspose,
  string_where: stringWhere,
  label_encode: labelEncode,
  tf_idf: tfIdf,
  tree_ensemble: treeEnsemble,
  couple_probabilities: coupleProbabilities,
  map_row: mapRow,
  zip_map: zipMap,
  dft,
  mel_weights: melWeights,
  stft,
  bitcast,
  check_index: checkIndex,
  compress,
  det,
  non_max_suppression: nonMaxSuppression,
  non_zero: nonZero,
  tensor_scatter: tensorScatter,
  top_k: topK,
  unique,
  concat_from_sequence: concatFromSequence,
  container_identity: containerIdentity,
  fail,
  gru,
  linear_attention: linearAttention,
  lstm,
  optional,
  optional_empty: optionalEmpty,
  optional_get_element: optionalGetElement,
  optional_has_element: optionalHasElement,
  pad_by: padBy,
  read_dims: readDims,
  resample_table: resampleTable,
  reshape_to: reshapeTo,
  rnn,
  max_roi_pool: maxRoiPool,
  roi_align: roiAlign,
  scatter_elements: scatterElements,
  scatter_nd: scatterNd,
  sequence_at: sequenceAt,
  sequence_construct: sequenceConstruct,
  sequence_empty: sequenceEmpty,
  sequence_erase: sequenceErase,
  sequence_insert: sequenceInsert,
  sequence_length: sequenceLength,
  slice_by: sliceBy,
  split_to_sequence: splitToSequence,
  squeeze,
  unsqueeze,
  wasm_kernel: wasmKernel,
};

export const hostFunctions = (name: string): HostOp | undefined => functions[name];
