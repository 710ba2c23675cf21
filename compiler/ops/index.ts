import type { OpDef } from '../ir/op.ts';
import { attentionOps } from './attention.ts';
import { binaryOps } from './binary.ts';
import { cachedAttentionOps } from './cached-attention.ts';
import { castOps } from './cast.ts';
import { convOps } from './conv.ts';
import { dotProductAttentionOps } from './dot-product-attention.ts';
import { gatherOps } from './gather.ts';
import { integerProductOps } from './integer-product.ts';
import { mapOps } from './maps.ts';
import { matmulOps } from './matmul.ts';
import { movementOps } from './movement.ts';
import { normOps } from './norm.ts';
import { poolOps } from './pool.ts';
import { quantizeOps } from './quantize.ts';
import { reduceOps } from './reduce.ts';
import { runtimeShapeOps } from './runtime-shape.ts';
import { sampleOps } from './sample.ts';
import { selectOps } from './select.ts';
import { shapeOps } from './shape.ts';
import { signalOps } from './signal.ts';
import { stateOps } from './state.ts';
import { stringOps } from './strings.ts';
import { unaryOps } from './unary.ts';

/** Ops of the graph IR, by family. */
export const tensorOps: readonly OpDef[] = [
  ...unaryOps,
  ...binaryOps,
  ...castOps,
  ...reduceOps,
  ...movementOps,
  ...gatherOps,
  ...shapeOps,
  ...runtimeShapeOps,
  ...matmulOps,
  ...convOps,
  ...integerProductOps,
  ...poolOps,
  ...normOps,
  ...dotProductAttentionOps,
  ...attentionOps,
  ...sampleOps,
  ...stringOps,
  ...mapOps,
  ...signalOps,
  ...selectOps,
  ...quantizeOps,
  ...stateOps,
  ...cachedAttentionOps,
];
