import { InfcError } from '../../runtime/errors.ts';
import { add, type Dim, max, mul, sub } from '../ir/dim.ts';
import { tensor, type Value } from '../ir/graph.ts';
import type { GraphBuilder } from '../ir/graph-builder.ts';
import { defineKvPolicy, firstRows, type KvLayer, keep, look, put, type Run, rowsOf } from './policy.ts';

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
    const { b, k, v, run, context, chunk, window } = layer;
    const sinks = Math.min(SINKS, context - 1);
    const shown = window > 0 ? Math.min(window, context - sinks) : context - sinks;
    // The tokens of a run are written before the first of them looks back.
    const ring = Math.ceil((sinks + shown + chunk - 1) / 4) * 4 - sinks;
    const rows = sinks + ring;
    const place = { ring, sinks };
    const written = keep(layer, 'key', rowsOf(b, k), rows, place);
    const most = shown + sinks;
    const keys =
      run.kind === 'text'
        ? turnSinks(layer, run, written, sinks, most, rows)
        : turnSinksOfRows(layer, run, written, sinks, most, rows);
    const values = keep(layer, 'value', rowsOf(b, v), rows, place);
    return look(layer, rows, [keys, values], { window: shown, ...place });
  },
});

type Kind<K extends Run['kind']> = Extract<Run, { readonly kind: K }>;

/** `keys` with those of the sinks as they stand where the run's last token sees no more than `most` tokens. */
function turnSinks(layer: KvLayer, run: Kind<'text'>, keys: Value, sinks: number, most: number, rows: number): Value {
  const { b, seq, slots } = layer;
  const { unturned, turn, state, heads, d } = turning(layer, sinks);
  const { past, slot } = run;
  const mine = (x: Value): Value =>
    slots === 1
      ? x
      : b.node('slice', [x], { starts: [0, mul(slot, sinks), 0], steps: [1, 1, 1], shape: [heads, sinks, d] });
  // Rows of the run among the first positions replace what was there.
  const places = b.node('range', [b.scalar('i64', 0), b.scalar('i64', 1)], { length: sinks });
  const offset = b.node('sub', [places, scalar(b, past)]);
  const last = scalar(b, sub(seq, 1));
  const inside = b.node('clip', [offset, b.scalar('i64', 0), last]);
  const isNew = b.node('and', [b.node('ge', [offset, b.scalar('i64', 0)]), b.node('le', [offset, last])]);
  const fresh = b.node('gather', [rowsOf(b, unturned), inside], { axis: 1 });
  const column = b.node('reshape', [isNew], { shape: [1, sinks, 1] });
  const start: KvLayer = { ...layer, run: { ...run, past: 0 } };
  const now = mine(put(start, state, b.node('where', [column, fresh, mine(state)]), sinks));
  const byToken = b.node('reshape', [b.node('transpose', [now], { permutation: [1, 0, 2] })], {
    shape: [1, sinks, heads, d],
  });
  const shift = max(sub(add(past, seq), most), 0);
  return put(start, keys, rowsOf(b, turn(byToken, shift)), rows);
}

/** The same for tokens of different sequences: [heads, seq * sinks, d] rows are turned, each sequence's its own way. */
function turnSinksOfRows(
  layer: KvLayer,
  { slots, positions }: Kind<'rows'>,
  keys: Value,
  sinks: number,
  most: number,
  rows: number,
): Value {
  const { b, seq } = layer;
  const { unturned, turn, state, heads, d } = turning(layer, sinks);
  const i32 = (n: number): Value => b.scalar('i32', n);
  const list = (x: Value): Value => b.node('reshape', [x], { shape: [mul(seq, sinks)] });
  const column = (x: Value): Value => b.node('reshape', [x], { shape: [seq, 1] });
  const each = b.node('range', [i32(0), i32(1)], { length: sinks });
  // A token behind the sinks writes what is there already.
  const place = b.node('add', [firstRows(b, slots, sinks), b.node('min', [positions, i32(sinks - 1)])]);
  const isNew = b.node('reshape', [b.node('lt', [positions, i32(sinks)])], { shape: [1, seq, 1] });
  const old = b.node('gather', [state, place], { axis: 1 });
  const now = b.node('state_write', [state, b.node('where', [isNew, rowsOf(b, unturned), old]), place], { axis: 1 });
  const all = b.node('gather', [now, list(b.node('add', [column(firstRows(b, slots, sinks)), each]))], { axis: 1 });
  const byToken = b.node('reshape', [b.node('transpose', [all], { permutation: [1, 0, 2] })], {
    shape: [1, mul(seq, sinks), heads, d],
  });
  const shift = b.node('max', [b.node('sub', [positions, i32(most - 1)]), i32(0)]);
  const turned = turn(byToken, list(b.node('add', [column(shift), each])));
  const places = list(b.node('add', [column(firstRows(b, slots, rows)), each]));
  return b.node('state_write', [keys, rowsOf(b, turned), places], { axis: 1 });
}

/** What turning sinks needs: the state with their keys unturned. Throws INFC1093 for models without positions that turn. */
function turning(layer: KvLayer, sinks: number) {
  const { unturned, turn, state, slots } = layer;
  if (!unturned || !turn)
    throw new InfcError('INFC1093', 'a sliding KV cache needs a model whose positions turn keys (RoPE)', {
      node: layer.name,
      fix: 'Compile with --kv contiguous',
    });
  const [, , heads = 1, d = 1] = unturned.type.shape;
  return { unturned, turn, heads, d, state: state('sinks', tensor('f32', [heads, sinks * slots, d])) };
}

const scalar = (b: GraphBuilder, d: Dim): Value => b.node('dims', [], { dims: [d], scalar: true });
