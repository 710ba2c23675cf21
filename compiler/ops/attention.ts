import * as D from '../ir/dim.ts';
import { computeType } from '../ir/dtype.ts';
import { constant, dimValue } from '../ir/expr.ts';
import { defineOp, type OpDef } from '../ir/op.ts';
import { dimsAttr, flagAttr, inputType, numberAttr, only, withCoord } from './shapes.ts';

/**
 * Rotary position embedding of the last axis of x (rank 4, positions along `seqAxis`), or of its first `width` elements: inputs x, cos and
 * sin [batch or 1, seq, width/2]. Element d turns with its partner d + width/2 (or its neighbour with `interleaved`); the rest stays.
 */
const rope = defineOp({
  name: 'rope',
  infer: (c) => {
    const x = inputType(c, 0);
    if (x.shape.length !== 4) c.fail('x must have rank 4');
    return x;
  },
  element: (c) => {
    const axis = numberAttr(c.attrs, 'seqAxis', 2);
    const interleaved = flagAttr(c.attrs, 'interleaved');
    const whole = c.inputs[0]?.shape[3] ?? 2;
    const width = numberAttr(c.attrs, 'width', 0) || whole;
    const half = D.floorDiv(width, 2);
    const type = computeType(only(c.outputs).dtype);
    return (coords) => {
      const [batch = 0] = coords;
      const d = coords[3] ?? 0;
      // Beyond `width` the pair and the partner mean nothing, but are in range.
      const pair = interleaved ? D.mod(D.floorDiv(d, 2), half) : D.mod(d, half);
      const partner = interleaved ? D.sub(D.add(d, 1), D.mul(2, D.mod(d, 2))) : D.mod(D.add(d, half), width);
      const at = [c.inputs[1]?.shape[0] === 1 ? 0 : batch, coords[axis] ?? 0, pair];
      const [cos, sin] = [c.at(1, at).cast(type), c.at(2, at).cast(type)];
      const first = interleaved ? dimValue(D.mod(d, 2)).eq(0) : dimValue(d).lt(dimValue(half));
      const turned = c.at(0, withCoord(coords, 3, partner)).mul(sin);
      const y = c.at(0, coords).mul(cos).add(first.select(turned.neg(), turned));
      return width === whole ? y : dimValue(d).lt(dimValue(width)).select(y, c.at(0, coords));
    };
  },
  flops: () => 4,
});

/** Where key j may be seen by query i, as 0 or minus infinity [batch or 1, 1, q, kv]: attributes causal, left, right (-1: unbounded). */
const attentionMask = defineOp({
  name: 'attention_mask',
  infer: (c) => {
    return {
      dtype: inputType(c, 0).dtype,
      shape: dimsAttr(c.attrs, 'shape'),
      format: 'dense',
    };
  },
  element: (c) => {
    const type = computeType(only(c.outputs).dtype);
    const left = numberAttr(c.attrs, 'left', -1);
    const right = flagAttr(c.attrs, 'causal') ? 0 : numberAttr(c.attrs, 'right', -1);
    return ([batch = 0, , i = 0, j = 0]) => {
      // Input 1: positions before the first query, one or one a batch entry. Input 2: valid keys a batch entry.
      const offset = c.at(1, [c.inputs[1]?.shape[0] === 1 ? 0 : batch]).cast('i32');
      const ahead = dimValue(j).sub(dimValue(i)).sub(offset);
      let seen = constant('bool', true);
      if (right >= 0) seen = seen.and(ahead.le(right));
      if (left >= 0) seen = seen.and(ahead.ge(-left));
      if (c.inputs[2]) seen = seen.and(dimValue(j).lt(c.at(2, [batch]).cast('i32')));
      return seen.select(constant(type, 0), constant(type, Number.NEGATIVE_INFINITY));
    };
  },
});

/**
 * Gated delta-rule linear attention, a recurrence over time: inputs query, key, value [b, t, heads*d], past state?, decay?, beta?;
 * outputs the result and the state [b, kvHeads, dk, dv]. A host step.
 */
const linearAttention = defineOp({
  name: 'linear_attention',
  infer: (c) => {
    const [q, k, v] = [inputType(c, 0), inputType(c, 1), inputType(c, 2)];
    const [heads, kvHeads] = [numberAttr(c.attrs, 'heads', 1), numberAttr(c.attrs, 'kvHeads', 1)];
    const dk = D.floorDiv(k.shape[2] ?? 1, kvHeads);
    const dv = D.floorDiv(v.shape[2] ?? 1, kvHeads);
    const [batch = 1, time = 1] = q.shape;
    return [
      { dtype: q.dtype, shape: [batch, time, D.mul(heads, dv)], format: 'dense' },
      { dtype: c.inputs[3]?.dtype ?? q.dtype, shape: [batch, kvHeads, dk, dv], format: 'dense' },
    ];
  },
  host: 'linear_attention',
});

/** Parts of attention beyond matrix products and softmax. */
export const attentionOps: readonly OpDef[] = [rope, attentionMask, linearAttention];
