import type { Value } from '../../ir/graph.ts';
import type { Scope } from './scope.ts';

/** A normalisation over the last axis. */
export interface Norm {
  readonly kind: 'rms' | 'layer';
  /** Module path: its tensors are `path.weight` and, for `bias`, `path.bias`. */
  readonly path: string;
  readonly eps: number;
  /** The scale is 1 + weight (Gemma). */
  readonly plusOne?: boolean;
  readonly bias?: boolean;
}

/** x [..., n] normalised over n. */
export function normalize(s: Scope, x: Value, { kind, path, eps, plusOne, bias }: Norm): Value {
  const b = s.from(path, kind === 'rms' ? 'RMSNorm' : 'LayerNorm');
  const size = Number(x.type.shape.at(-1));
  const weight = s.weight(`${path}.weight`, [size]);
  const scale = plusOne ? b.node('add', [s.f32(weight), b.scalar('f32', 1)]) : weight;
  const shift = bias ? [s.weight(`${path}.bias`, [size])] : [];
  const axis = x.type.shape.length - 1;
  return b.node(kind === 'rms' ? 'rms_norm' : 'layer_norm', [x, scale, ...shift], { axis, eps });
}
