import type { Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import type { Architecture } from '../architecture.ts';
import { recur, shifted } from '../transformer/recurrence.ts';
import { inferRwkv, mixed, type RwkvNames, rwkv } from '../transformer/rwkv.ts';
import type { Layer } from '../transformer/scope.ts';
import { linear } from '../transformer/weights.ts';

/**
 * One token of the WKV recurrence (Peng et al. 2023, "RWKV: Reinventing RNNs for the Transformer Era", appendix D), for every channel: a
 * and b are the weighted sums of values and of weights, both divided by e^p so that nothing overflows. Before the first token b is 0 and p
 * stands for minus infinity.
 */
function wkv(b: GraphBuilder, [a, n, p]: readonly Value[], [k, v]: readonly Value[], decay: Value, bonus: Value) {
  if (!a || !n || !p || !k || !v) throw new TypeError('three values are carried, two are read');
  const node = (op: string, ...inputs: Value[]): Value => b.node(op, inputs);
  const any = node('gt', n, b.scalar('f32', 0));
  const power = node('where', any, p, b.scalar('f32', -1e38));
  const weighed = (old: Value, now: Value) => {
    const most = node('max', old, now);
    const [e1, e2] = [node('exp', node('sub', old, most)), node('exp', node('sub', now, most))];
    return {
      a: node('add', node('mul', e1, a), node('mul', e2, v)),
      n: node('add', node('mul', e1, n), e2),
      most,
    };
  };
  const seen = weighed(power, node('add', bonus, k));
  const next = weighed(node('add', power, decay), k);
  return { carried: [next.a, next.n, next.most], output: node('div', seen.a, seen.n) };
}

const timeMix =
  (hidden: number, inner: number, converted: boolean) =>
  (names: RwkvNames, layer: number): Layer =>
  (s, x) => {
    const path = `${names.layer(layer)}.${names.time}`;
    s.from(path, 'TimeMix');
    const before = shifted(s, x, `layers.${layer}.time`);
    const project = (what: 'key' | 'value' | 'receptance'): Value =>
      s.linear(mixed(s, x, before, `${path}.${names.mix(what)}`), linear(`${path}.${what}`), inner);
    const rows = (y: Value): Value => s.b.node('reshape', [y], { shape: [s.seq, inner] });
    const [r, k, v] = [project('receptance'), project('key'), project('value')];
    const b = s.from(path, 'TimeMix');
    const given = s.vector(`${path}.time_decay`, inner);
    const decay = converted ? given : b.node('neg', [b.node('exp', [given])]);
    const bonus = s.vector(`${path}.time_first`, inner);
    const carried = ['a', 'b', 'p'].map((part) => ({ name: `layers.${layer}.${part}`, shape: [inner] }));
    const y = recur(s, carried, [rows(k), rows(v)], (at, states, inputs) => wkv(at, states, inputs, decay, bonus));
    const open = b.node('mul', [b.node('sigmoid', [r]), b.node('reshape', [y], { shape: [1, s.seq, inner] })]);
    return s.linear(open, linear(`${path}.output`), hidden);
  };

/** RWKV 4: attention without attention, a state of fixed size. */
export const rwkv4: Architecture = {
  names: ['RwkvForCausalLM'],
  infer: (weights) => inferRwkv(weights, 4, 'RwkvForCausalLM'),
  describe(config, weights) {
    const hidden = config.count('hidden_size');
    const inner = config.has('attention_hidden_size') ? config.count('attention_hidden_size') : hidden;
    // rwkv.cpp's converter leaves vectors without axes of 1, and has applied -e^x to the decay.
    const converted = weights.shapeOf('blocks.0.att.time_mix_k')?.length === 1;
    return rwkv('RwkvForCausalLM', config, weights, timeMix(hidden, inner, converted));
  },
};
