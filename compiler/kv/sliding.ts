import { InfcError } from '../../runtime/errors.ts';
import { add, type Dim, max, sub } from '../ir/dim.ts';
import { tensor, type Value } from '../ir/graph.ts';
import type { GraphBuilder } from '../ir/graph-builder.ts';
import { defineKvPolicy, type KvLayer, rowsOf } from './policy.ts';

/** First tokens that stay: attention rests on them (Xiao et al. 2023, "Efficient Streaming Language Models with Attention Sinks"). */
const SINKS = 4;

/**
 * The last tokens, `context` with the sinks, in a ring: the text may go on for ever in the same memory. The sinks' keys are kept unturned
 * as well and turned for each run, as if they stood right before the oldest token that its last token sees.
 */
export const sliding = defineKvPolicy({
  name: 'sliding',
  does: `keeps the first ${SINKS} tokens and a window of the last ones: texts longer than the context`,
  endless: true,
  rewind: (chunk) => chunk,
  attend(layer) {
    const { b, q, k, v, past, seq, context, chunk, window, scale, softCap, state } = layer;
    const sinks = Math.min(SINKS, context - 1);
    const shown = window > 0 ? Math.min(window, context - sinks) : context - sinks;
    // The tokens of a run are written before the first of them looks back.
    const ring = Math.ceil((sinks + shown + chunk - 1) / 4) * 4 - sinks;
    const rows = sinks + ring;
    const place = { ring, sinks };
    const write = (name: string, x: Value): Value => {
      const [, , heads = 1, d = 1] = x.type.shape;
      const before = state(name, tensor('f32', [heads, rows, d]));
      return b.node('state_write', [before, rowsOf(b, x)], { axis: 1, at: past, ...place });
    };
    const shift = max(sub(add(past, seq), shown + sinks), 0);
    const keys = turnSinks(layer, write('key', k), sinks, shift);
    const attrs = { past, scale, softCap, window: shown, ...place };
    return b.node('cached_attention', [q, keys, write('value', v)], attrs);
  },
});

/** The keys of the sinks as they stand `shift` positions further on. */
function turnSinks(layer: KvLayer, keys: Value, sinks: number, shift: Dim): Value {
  const { b, unturned, turn, past, seq, state } = layer;
  if (!unturned || !turn)
    throw new InfcError('INFC1093', 'a sliding KV cache needs a model whose positions turn keys (RoPE)', {
      node: layer.name,
      fix: 'Compile with --kv contiguous',
    });
  const [, , heads = 1, d = 1] = unturned.type.shape;
  const kept = state('sinks', tensor('f32', [heads, sinks, d]));
  // Rows of the run among the first positions replace what was there.
  const slots = b.node('range', [b.scalar('i64', 0), b.scalar('i64', 1)], { length: sinks });
  const offset = b.node('sub', [slots, scalar(b, past)]);
  const last = scalar(b, sub(seq, 1));
  const inside = b.node('clip', [offset, b.scalar('i64', 0), last]);
  const mine = b.node('and', [b.node('ge', [offset, b.scalar('i64', 0)]), b.node('le', [offset, last])]);
  const fresh = b.node('gather', [rowsOf(b, unturned), inside], { axis: 1 });
  const column = b.node('reshape', [mine], { shape: [1, sinks, 1] });
  const now = b.node('state_write', [kept, b.node('where', [column, fresh, kept])], { axis: 1, at: 0 });
  const byToken = b.node('reshape', [b.node('transpose', [now], { permutation: [1, 0, 2] })], {
    shape: [1, sinks, heads, d],
  });
  return b.node('state_write', [keys, rowsOf(b, turn(byToken, shift))], { axis: 1, at: 0 });
}

const scalar = (b: GraphBuilder, d: Dim): Value => b.node('dims', [], { dims: [d], scalar: true });
