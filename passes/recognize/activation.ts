import { tensor, type Value } from '../../compiler/ir/graph.ts';
import { definePass } from '../pass.ts';
import { rewrite } from '../rewrite.ts';

const x = (holes: Readonly<Record<string, Value>>): Value => {
  const v = holes.x;
  if (!v) throw new TypeError("hole 'x' is not bound");
  return v;
};
const sample = [{ x: tensor('f32', [2, 7]) }];

/** Decomposed activations become one op. Arithmetic on commuted operands is matched as exporters write it. */
export const recognizeActivations = definePass({
  name: 'recognize-activations',
  phase: 'recognize',
  does: 'turns decomposed GELU, SiLU and hard swish into one op',
  rewrites: [
    rewrite({
      name: 'gelu-half-last',
      holes: ['x'],
      sample,
      from: (b, h) => {
        const erf = b.node('erf', [b.node('div', [x(h), b.scalar('f32', Math.SQRT2)])]);
        return b.node('mul', [b.node('mul', [x(h), b.node('add', [erf, b.scalar('f32', 1)])]), b.scalar('f32', 0.5)]);
      },
      to: (b, h) => b.node('gelu', [x(h)]),
    }),
    rewrite({
      name: 'gelu-half-first',
      holes: ['x'],
      sample,
      from: (b, h) => {
        const erf = b.node('erf', [b.node('div', [x(h), b.scalar('f32', Math.SQRT2)])]);
        return b.node('mul', [b.node('mul', [b.scalar('f32', 0.5), x(h)]), b.node('add', [b.scalar('f32', 1), erf])]);
      },
      to: (b, h) => b.node('gelu', [x(h)]),
    }),
    rewrite({
      name: 'silu',
      holes: ['x'],
      sample,
      from: (b, h) => b.node('mul', [x(h), b.node('sigmoid', [x(h)])]),
      to: (b, h) => b.node('silu', [x(h)]),
    }),
    rewrite({
      name: 'silu-commuted',
      holes: ['x'],
      sample,
      from: (b, h) => b.node('mul', [b.node('sigmoid', [x(h)]), x(h)]),
      to: (b, h) => b.node('silu', [x(h)]),
    }),
    rewrite({
      name: 'hard-swish',
      holes: ['x'],
      sample,
      from: (b, h) => b.node('mul', [x(h), b.node('hard_sigmoid', [x(h)], { alpha: 1 / 6, beta: 0.5 })]),
      to: (b, h) => b.node('hard_swish', [x(h)]),
    }),
  ],
});
