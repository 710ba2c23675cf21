import { InfcError } from '../../runtime/errors.ts';
import { closest } from './suggest.ts';

/**
 * What the standard lets a node have: the most inputs (* where any number may come), and its attributes, `name<7` being one that opset 7 took
 * away. From the operator schemas of ONNX 1.23, ai.onnx up to opset 27 and ai.onnx.ml up to 5. An adapter reads what it needs; what it never
 * asks for must not change the meaning of a node in silence.
 */
export const signatures: Readonly<Record<string, string>> = {
  Abs: '1 consumed_inputs<6',
  Acos: '1',
  Acosh: '1',
  Add: '2 axis<7 broadcast<7 consumed_inputs<6',
  AffineGrid: '2 align_corners',
  And: '2 axis<7 broadcast<7',
  ArgMax: '1 axis keepdims select_last_index',
  ArgMin: '1 axis keepdims select_last_index',
  Asin: '1',
  Asinh: '1',
  Atan: '1',
  Atanh: '1',
  Attention:
    '7 is_causal kv_num_heads left_window_size q_num_heads qk_matmul_output_mode right_window_size scale softcap softmax_precision',
  AveragePool: '1 auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides',
  BatchNormalization: '5 consumed_inputs<6 epsilon is_test<7 momentum spatial<9 training_mode',
  Bernoulli: '1 dtype seed',
  BitCast: '1 to',
  BitShift: '2 direction',
  BitwiseAnd: '2',
  BitwiseNot: '1',
  BitwiseOr: '2',
  BitwiseXor: '2',
  BlackmanWindow: '1 output_datatype periodic',
  Cast: '1 round_mode saturate to',
  CastLike: '2 round_mode saturate',
  CausalConvWithState: '4 activation',
  Ceil: '1 consumed_inputs<6',
  Celu: '1 alpha',
  CenterCropPad: '2 axes',
  Clip: '3 consumed_inputs<6 max<11 min<11',
  Col2Im: '3 dilations pads strides',
  Compress: '2 axis',
  Concat: '* axis',
  ConcatFromSequence: '1 axis new_axis',
  Constant: '0 sparse_value value value_float value_floats value_int value_ints value_string value_strings',
  ConstantOfShape: '1 value',
  Conv: '3 auto_pad dilations group kernel_shape pads strides',
  ConvInteger: '4 auto_pad dilations group kernel_shape pads strides',
  ConvTranspose: '3 auto_pad dilations group kernel_shape output_padding output_shape pads strides',
  Cos: '1',
  Cosh: '1',
  CumProd: '2 exclusive reverse',
  CumSum: '2 exclusive reverse',
  DFT: '3 axis<20 inverse onesided',
  DeformConv: '5 dilations group kernel_shape offset_group pads strides',
  DepthToSpace: '1 blocksize mode',
  DequantizeLinear: '3 axis block_size output_dtype',
  Det: '1',
  Div: '2 axis<7 broadcast<7 consumed_inputs<6',
  Dropout: '3 consumed_inputs<6 is_test<7 ratio<12 seed',
  DynamicQuantizeLinear: '1',
  Einsum: '* equation',
  Elu: '1 alpha consumed_inputs<6',
  Equal: '2 axis<7 broadcast<7',
  Erf: '1',
  Exp: '1 consumed_inputs<6',
  Expand: '2',
  EyeLike: '1 dtype k',
  Flatten: '1 axis',
  Floor: '1 consumed_inputs<6',
  GRU: '6 activation_alpha activation_beta activations clip direction hidden_size layout linear_before_reset output_sequence<7',
  Gather: '2 axis',
  GatherElements: '2 axis',
  GatherND: '2 batch_dims',
  Gelu: '1 approximate',
  Gemm: '3 alpha beta broadcast<7 transA transB',
  GlobalAveragePool: '1',
  GlobalLpPool: '1 p',
  GlobalMaxPool: '1',
  Greater: '2 axis<7 broadcast<7',
  GreaterOrEqual: '2',
  GridSample: '2 align_corners mode padding_mode',
  GroupNormalization: '3 epsilon num_groups stash_type',
  HammingWindow: '1 output_datatype periodic',
  HannWindow: '1 output_datatype periodic',
  HardSigmoid: '1 alpha beta consumed_inputs<6',
  HardSwish: '1',
  Hardmax: '1 axis',
  Identity: '1',
  If: '1 else_branch then_branch',
  ImageDecoder: '1 pixel_format',
  InstanceNormalization: '3 consumed_inputs<6 epsilon',
  IsInf: '1 detect_negative detect_positive',
  IsNaN: '1',
  LRN: '1 alpha beta bias size',
  LSTM: '8 activation_alpha activation_beta activations clip direction hidden_size input_forget layout output_sequence<7',
  LayerNormalization: '3 axis epsilon stash_type',
  LeakyRelu: '1 alpha consumed_inputs<6',
  Less: '2 axis<7 broadcast<7',
  LessOrEqual: '2',
  LinearAttention: '6 chunk_size kv_num_heads q_num_heads scale update_rule',
  Log: '1 consumed_inputs<6',
  LogSoftmax: '1 axis',
  Loop: '* body',
  LpNormalization: '1 axis p',
  LpPool: '1 auto_pad ceil_mode dilations kernel_shape p pads strides',
  MatMul: '2',
  MatMulInteger: '4',
  Max: '* consumed_inputs<6',
  MaxPool: '1 auto_pad ceil_mode dilations kernel_shape pads storage_order strides',
  MaxRoiPool: '2 pooled_shape spatial_scale',
  MaxUnpool: '3 kernel_shape pads strides',
  Mean: '* consumed_inputs<6',
  MeanVarianceNormalization: '1 axes',
  MelWeightMatrix: '5 output_datatype',
  Min: '* consumed_inputs<6',
  Mish: '1',
  Mod: '2 fmod',
  Mul: '2 axis<7 broadcast<7 consumed_inputs<6',
  Multinomial: '1 dtype sample_size seed',
  Neg: '1 consumed_inputs<6',
  NegativeLogLikelihoodLoss: '3 ignore_index reduction',
  NonMaxSuppression: '5 center_point_box',
  NonZero: '1',
  Not: '1',
  OneHot: '3 axis',
  Optional: '1 type',
  OptionalGetElement: '1',
  OptionalHasElement: '1',
  Or: '2 axis<7 broadcast<7',
  PRelu: '2 consumed_inputs<6',
  Pad: '4 mode paddings<2 pads<11 value<11',
  Pow: '2 axis<7 broadcast<7',
  QLinearConv: '9 auto_pad dilations group kernel_shape pads strides',
  QLinearMatMul: '8',
  QuantizeLinear: '3 axis block_size output_dtype precision saturate',
  RMSNormalization: '2 axis epsilon stash_type',
  RNN: '6 activation_alpha activation_beta activations clip direction hidden_size layout output_sequence<7',
  RandomNormal: '0 dtype mean scale seed shape',
  RandomNormalLike: '1 dtype mean scale seed',
  RandomUniform: '0 dtype high low seed shape',
  RandomUniformLike: '1 dtype high low seed',
  Range: '3 stash_type',
  Reciprocal: '1 consumed_inputs<6',
  ReduceL1: '2 axes<18 keepdims noop_with_empty_axes',
  ReduceL2: '2 axes<18 keepdims noop_with_empty_axes',
  ReduceLogSum: '2 axes<18 keepdims noop_with_empty_axes',
  ReduceLogSumExp: '2 axes<18 keepdims noop_with_empty_axes',
  ReduceMax: '2 axes<18 keepdims noop_with_empty_axes',
  ReduceMean: '2 axes<18 keepdims noop_with_empty_axes',
  ReduceMin: '2 axes<18 keepdims noop_with_empty_axes',
  ReduceProd: '2 axes<18 keepdims noop_with_empty_axes',
  ReduceSum: '2 axes<13 keepdims noop_with_empty_axes',
  ReduceSumSquare: '2 axes<18 keepdims noop_with_empty_axes',
  RegexFullMatch: '1 pattern',
  Relu: '1 consumed_inputs<6',
  Reshape: '2 allowzero consumed_inputs<5 shape<5',
  Resize:
    '4 antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value keep_aspect_ratio_policy mode nearest_mode',
  ReverseSequence: '2 batch_axis time_axis',
  RoiAlign: '3 coordinate_transformation_mode mode output_height output_width sampling_ratio spatial_scale',
  RotaryEmbedding: '4 interleaved num_heads rotary_embedding_dim',
  Round: '1',
  STFT: '4 onesided',
  Scan: '* body directions<9 num_scan_inputs scan_input_axes scan_input_directions scan_output_axes scan_output_directions',
  Scatter: '3 axis',
  ScatterElements: '3 axis reduction',
  ScatterND: '3 reduction',
  Selu: '1 alpha consumed_inputs<6 gamma',
  SequenceAt: '2',
  SequenceConstruct: '*',
  SequenceEmpty: '0 dtype',
  SequenceErase: '2',
  SequenceInsert: '3',
  SequenceLength: '1',
  SequenceMap: '* body',
  Shape: '1 end start',
  Shrink: '1 bias lambd',
  Sigmoid: '1 consumed_inputs<6',
  Sign: '1',
  Sin: '1',
  Sinh: '1',
  Size: '1',
  Slice: '5 axes<10 ends<10 starts<10',
  Softmax: '1 axis',
  SoftmaxCrossEntropyLoss: '3 ignore_index reduction',
  Softplus: '1',
  Softsign: '1',
  SpaceToDepth: '1 blocksize mode',
  Split: '2 axis num_outputs split<13',
  SplitToSequence: '2 axis keepdims',
  Sqrt: '1 consumed_inputs<6',
  Squeeze: '2 axes<13',
  StringConcat: '2',
  StringNormalizer: '1 case_change_action is_case_sensitive locale stopwords',
  StringSplit: '1 delimiter maxsplit',
  Sub: '2 axis<7 broadcast<7 consumed_inputs<6',
  Sum: '* consumed_inputs<6',
  SwiGLU: '2 alpha',
  Swish: '1 alpha',
  Tan: '1',
  Tanh: '1 consumed_inputs<6',
  TensorScatter: '3 axis mode',
  TfIdfVectorizer:
    '1 max_gram_length max_skip_count min_gram_length mode ngram_counts ngram_indexes pool_int64s pool_strings weights',
  ThresholdedRelu: '1 alpha',
  Tile: '3',
  TopK: '2 axis k<10 largest sorted',
  Transpose: '1 perm',
  Trilu: '2 upper',
  Unique: '1 axis sorted',
  Unsqueeze: '2 axes<13',
  Upsample: '2 height_scale<7 mode scales<9 width_scale<7',
  Where: '3',
  Xor: '2 axis<7 broadcast<7',
  'ai.onnx.ml.ArrayFeatureExtractor': '2',
  'ai.onnx.ml.Binarizer': '1 threshold',
  'ai.onnx.ml.CastMap': '1 cast_to map_form max_map',
  'ai.onnx.ml.CategoryMapper': '1 cats_int64s cats_strings default_int64 default_string',
  'ai.onnx.ml.DictVectorizer': '1 int64_vocabulary string_vocabulary',
  'ai.onnx.ml.FeatureVectorizer': '* inputdimensions',
  'ai.onnx.ml.Imputer': '1 imputed_value_floats imputed_value_int64s replaced_value_float replaced_value_int64',
  'ai.onnx.ml.LabelEncoder':
    '1 classes_strings<2 default_float default_int64 default_string default_tensor keys_floats keys_int64s keys_strings keys_tensor values_floats values_int64s values_strings values_tensor',
  'ai.onnx.ml.LinearClassifier':
    '1 classlabels_ints classlabels_strings coefficients intercepts multi_class post_transform',
  'ai.onnx.ml.LinearRegressor': '1 coefficients intercepts post_transform targets',
  'ai.onnx.ml.Normalizer': '1 norm',
  'ai.onnx.ml.OneHotEncoder': '1 cats_int64s cats_strings zeros',
  'ai.onnx.ml.SVMClassifier':
    '1 classlabels_ints classlabels_strings coefficients kernel_params kernel_type post_transform prob_a prob_b rho support_vectors vectors_per_class',
  'ai.onnx.ml.SVMRegressor':
    '1 coefficients kernel_params kernel_type n_supports one_class post_transform rho support_vectors',
  'ai.onnx.ml.Scaler': '1 offset scale',
  'ai.onnx.ml.TreeEnsemble':
    '1 aggregate_function leaf_targetids leaf_weights membership_values n_targets nodes_falseleafs nodes_falsenodeids nodes_featureids nodes_hitrates nodes_missing_value_tracks_true nodes_modes nodes_splits nodes_trueleafs nodes_truenodeids post_transform tree_roots',
  'ai.onnx.ml.TreeEnsembleClassifier':
    '1 base_values base_values_as_tensor class_ids class_nodeids class_treeids class_weights class_weights_as_tensor classlabels_int64s classlabels_strings nodes_falsenodeids nodes_featureids nodes_hitrates nodes_hitrates_as_tensor nodes_missing_value_tracks_true nodes_modes nodes_nodeids nodes_treeids nodes_truenodeids nodes_values nodes_values_as_tensor post_transform',
  'ai.onnx.ml.TreeEnsembleRegressor':
    '1 aggregate_function base_values base_values_as_tensor n_targets nodes_falsenodeids nodes_featureids nodes_hitrates nodes_hitrates_as_tensor nodes_missing_value_tracks_true nodes_modes nodes_nodeids nodes_treeids nodes_truenodeids nodes_values nodes_values_as_tensor post_transform target_ids target_nodeids target_treeids target_weights target_weights_as_tensor',
  'ai.onnx.ml.ZipMap': '1 classlabels_int64s classlabels_strings',
};

interface Signature {
  readonly inputs: number;
  /** The opset that took an attribute away, or infinity. */
  readonly until: ReadonlyMap<string, number>;
}

const parsed = new Map<string, Signature>();

function signatureOf(key: string): Signature | undefined {
  const text = Object.hasOwn(signatures, key) ? signatures[key] : undefined;
  const known = parsed.get(key);
  if (known || text === undefined) return known;
  const [inputs, ...attributes] = text.split(' ');
  const until = new Map(
    attributes.map((a) => {
      const [name = '', opset] = a.split('<');
      return [name, Number(opset ?? Number.POSITIVE_INFINITY)];
    }),
  );
  const made = { inputs: inputs === '*' ? Number.POSITIVE_INFINITY : Number(inputs), until };
  parsed.set(key, made);
  return made;
}

/** Refuses inputs and attributes that the standard does not have for an operator, naming the nearest it has. Others' operators pass. */
export function checkSignature(
  domain: string,
  op: string,
  opset: number,
  node: { readonly name: string; readonly inputs: readonly string[]; readonly attributes: Iterable<string> },
): void {
  const signature = signatureOf(domain === '' ? op : `${domain}.${op}`);
  if (!signature) return;
  const surplus = node.inputs.findIndex((input, i) => i >= signature.inputs && input !== '');
  if (surplus >= 0)
    throw new InfcError(
      'INFC1056',
      `${op} takes ${signature.inputs} ${signature.inputs === 1 ? 'input' : 'inputs'} at most, and '${node.inputs[surplus]}' is number ${surplus + 1}`,
      {
        node: node.name,
        fix: 'Remove the input, or export the model again',
      },
    );
  for (const name of node.attributes) {
    const until = signature.until.get(name);
    if (until !== undefined && opset < until) continue;
    const there = [...signature.until].filter(([, end]) => opset < end).map(([n]) => n);
    const near = closest(name, there);
    throw new InfcError(
      'INFC1055',
      until === undefined
        ? `${op} has no attribute '${name}'`
        : `${op} has no attribute '${name}' since opset ${until}`,
      {
        node: node.name,
        fix: near
          ? `The closest it has is ${near}`
          : there.length > 0
            ? `Its attributes are ${there.join(', ')}`
            : 'It has no attributes: remove this one, or export the model again',
      },
    );
  }
}
