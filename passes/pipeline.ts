import { dedupe } from './canonicalize/dedupe.ts';
import { dropUnitAxes } from './canonicalize/drop-unit-axes.ts';
import { foldConstants } from './canonicalize/fold-constants.ts';
import { removeDead } from './canonicalize/remove-dead.ts';
import { removeIdentity } from './canonicalize/remove-identity.ts';
import { joinProducts } from './format/join-products.ts';
import { roundWeights } from './format/round-weights.ts';
import { skipZeros } from './format/skip-zeros.ts';
import { storeWeights } from './format/store-weights.ts';
import { convTransposeToConv } from './fuse/conv-transpose-to-conv.ts';
import { decompose } from './fuse/decompose.ts';
import { foldIntoWeights } from './fuse/fold-into-weights.ts';
import { fuseTranspose } from './fuse/fuse-transpose.ts';
import type { Pass } from './pass.ts';
import { assignPrecision } from './precision/assign-precision.ts';
import { checkRecipe } from './precision/check-recipe.ts';
import { equalize } from './precision/equalize.ts';
import { pruneChannels } from './precision/prune-channels.ts';
import { pruneWeights } from './precision/prune-weights.ts';
import { quantizeActivations } from './precision/quantize-activations.ts';
import { rotateResidual } from './precision/rotate-residual.ts';
import { recognizeActivations } from './recognize/activation.ts';
import { recognizeAttention } from './recognize/attention.ts';
import { recognizeNorms } from './recognize/norm.ts';
import { recognizeQuantizedMovement } from './recognize/quantized-movement.ts';
import { foldDequantized, recognizeQuantizedProducts } from './recognize/quantized-product.ts';
import { recognizeSliceAssignment } from './recognize/slice-assignment.ts';

/**
 * THE LIST: every built-in pass, in the order it runs. After each later phase that changed something the canonicalize passes run again.
 * What follows it (regions, lowering, kernels, plan) is in compiler/compile.ts.
 */
export const pipeline: readonly Pass[] = [
  // canonicalize: one way to write each thing
  foldConstants,
  removeIdentity,
  dropUnitAxes,
  dedupe,
  removeDead,
  // recognize: quantized graphs compute on codes; decomposed norms, activations and attention become one op again
  recognizeQuantizedMovement,
  recognizeQuantizedProducts,
  foldDequantized,
  recognizeNorms,
  recognizeActivations,
  recognizeAttention,
  recognizeSliceAssignment,
  // precision: what makes weights stand quantization better (--quant), and which values are narrow (--precision)
  checkRecipe,
  pruneChannels,
  rotateResidual,
  equalize,
  pruneWeights,
  quantizeActivations,
  assignPrecision,
  // format: how weights are stored
  roundWeights,
  storeWeights,
  skipZeros,
  joinProducts,
  // fuse: prepare what kernels will swallow
  decompose,
  convTransposeToConv,
  fuseTranspose,
  foldIntoWeights,
];
