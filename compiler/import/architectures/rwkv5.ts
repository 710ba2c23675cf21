import type { Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import type { Architecture } from '../architecture.ts';
import { recur, shifted } from '../transformer/recurrence.ts';
import { inferRwkv, mixed, type RwkvNames, rwkv } from '../transformer/rwkv.ts';
import type { Layer } from '../transformer/scope.ts';
import { linear } from '../transformer/weights.ts';

interface Sizes {
  readonly hidden: number;
  readonly heads: number;
  readonly size: number;
}

/**
 * One token of the recurrence of RWKV 5.2 (Peng et al. 2024, "Eagle and Finch"), per head with state S [size, size]: reads
 * r (S + u k v^T), then S = w S + k v^T. Inputs r, k, v [heads, size].
 */
function wkv(
  b: GraphBuilder,
  state: Value,
  [r, k, v]: readonly Value[],
  decay: Value,
  bonus: Value,
  { heads, size }: Sizes,
) {
  if (!r || !k || !v) throw new TypeError('three values are read');
  const column = (x: Value): Value => b.node('reshape', [x], { shape: [heads, size, 1] });
  const kv = b.node('mul', [column(k), b.node('reshape', [v], { shape: [heads, 1, size] })]);
  const seen = b.node('add', [state, b.node('mul', [bonus, kv])]);
  const output = b.node('reduce_sum', [b.node('mul', [column(r), seen])], { axes: [1] });
  return { carried: [b.node('add', [b.node('mul', [decay, state]), kv])], output };
}

const timeMix =
  (sizes: Sizes, converted: boolean, eps: number) =>
  (names: RwkvNames, layer: number): Layer =>
  (s, x) => {
    const { hidden, heads, size } = sizes;
    const inner = heads * size;
    const path = `${names.layer(layer)}.${names.time}`;
    s.from(path, 'TimeMix');
    const before = shifted(s, x, `layers.${layer}.time`);
    const project = (what: 'key' | 'value' | 'receptance' | 'gate'): Value =>
      s.linear(mixed(s, x, before, `${path}.${names.mix(what)}`), linear(`${path}.${what}`), inner);
    const byHead = (y: Value): Value => s.b.node('reshape', [y], { shape: [s.seq, heads, size] });
    const [r, k, v, g] = [project('receptance'), project('key'), project('value'), project('gate')];
    const b = s.from(path, 'TimeMix');
    const perHead = (name: string): Value =>
      b.node('reshape', [s.vector(`${path}.${name}`, inner)], { shape: [heads, size, 1] });
    const given = perHead('time_decay');
    const decay = converted ? given : b.node('exp', [b.node('neg', [b.node('exp', [given])])]);
    const bonus = perHead('time_faaaa');
    const carried = [{ name: `layers.${layer}.state`, shape: [heads, size, size] }];
    const y = recur(s, carried, [byHead(r), byHead(k), byHead(v)], (at, [state], inputs) => {
      if (!state) throw new TypeError('one state is carried');
      return wkv(at, state, inputs, decay, bonus, sizes);
    });
    const rows = b.node('reshape', [y], { shape: [s.seq, inner] });
    const scale = s.vector(`${path}.ln_x.weight`, inner);
    const shift = s.vector(`${path}.ln_x.bias`, inner);
    const normed = b.node('group_norm', [rows, scale, shift], { groups: heads, eps });
    const shaped = b.node('reshape', [normed], { shape: [1, s.seq, inner] });
    return s.linear(b.node('mul', [shaped, b.node('silu', [g])]), linear(`${path}.output`), hidden);
  };

/** RWKV 5.2 ("Eagle"): a matrix for a state in each head, and a gate. */
export const rwkv5: Architecture = {
  names: ['Rwkv5ForCausalLM'],
  infer: (weights) => inferRwkv(weights, 5, 'Rwkv5ForCausalLM'),
  describe(config, weights) {
    const hidden = config.count('hidden_size');
    const size = config.count('head_size', 64);
    const inner = config.has('attention_hidden_size') ? config.count('attention_hidden_size') : hidden;
    if (inner % size !== 0) throw config.unsupported('head_size', `${inner} elements do not divide into such heads`);
    // rwkv.cpp's converter leaves vectors without axes of 1, and has applied e^(-e^x) to the decay.
    const converted = weights.shapeOf('blocks.0.att.time_mix_k')?.length === 1;
    // The published code divides by 8 before a norm with 1e-5; rwkv.cpp does not divide.
    const eps = 1e-5 * config.number('head_size_divisor', converted ? 1 : 8) ** 2;
    return rwkv('Rwkv5ForCausalLM', config, weights, timeMix({ hidden, heads: inner / size, size }, converted, eps));
  },
};
