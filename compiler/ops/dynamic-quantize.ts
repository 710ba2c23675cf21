import type { Value } from '../ir/graph.ts';
import type { GraphBuilder } from '../ir/graph-builder.ts';

/** A tensor as 8-bit codes: (codes - zero) * scale. */
export interface DynamicQuantized {
  readonly codes: Value;
  readonly scale: Value;
  readonly zero: Value;
}

/** Quantizes an f32 tensor to u8 over the range of its values, which always holds 0 (DynamicQuantizeLinear of ai.onnx). */
export function dynamicQuantize(b: GraphBuilder, x: Value): DynamicQuantized {
  const none = b.scalar('f32', 0);
  const range = b.node('value_range', [x]);
  const side = (at: number): Value =>
    b.node('reshape', [b.node('slice', [range], { starts: [at], steps: [1], shape: [1] })], { shape: [] });
  const [low, high] = [side(0), side(1)];
  const span = b.node('sub', [high, low]);
  const flat = b.node('eq', [span, none]);
  const scale = b.node('div', [b.node('where', [flat, b.scalar('f32', 1), span]), b.scalar('f32', 255)]);
  const middle = b.node('round', [b.node('div', [b.node('neg', [low]), scale])]);
  const zero = b.node('cast', [b.node('clip', [middle, none, b.scalar('f32', 255)])], { to: 'u8' });
  const codes = b.node('quantize_linear', [x, scale, zero], { axis: 0, block: 0, dtype: 'u8', precision: 'f32' });
  return { codes, scale, zero };
}
