import type { DType } from '../../../compiler/ir/dtype.ts';
import { attribute } from '../../import/build-onnx.ts';
import { axisOf, FLOATS, like, pack, type Step, step, type Val } from './builder.ts';

const { int, ints } = attribute;

/** Sums and products along an axis. */
export const running: readonly Step[] = [
  step(
    'CumSum',
    (b) => {
      const x = b.operand({ dtypes: ['f32', 'f64', 'i32', 'i64', 'f16', 'u32', 'u64'], rank: [1, 3] });
      const { written } = axisOf(b, x);
      b.add(
        'CumSum',
        [x, b.given(pack(b.pick(['i32', 'i64'] as const), [], [written]), b.chance(85))],
        [like(x, { limit: x.limit * 8 })],
        [int('reverse', b.draw(0, 1)), int('exclusive', b.draw(0, 1))],
      );
    },
    { since: 11 },
  ),
  step(
    'CumProd',
    (b) => {
      const x = b.operand({ dtypes: ['f32', 'f64', 'i32', 'i64'], rank: [1, 3], limit: 4 });
      const { written } = axisOf(b, x);
      b.add(
        'CumProd',
        [x, b.ints([written], true)],
        [like(x, { limit: x.limit ** 5 })],
        [int('reverse', b.draw(0, 1)), int('exclusive', b.draw(0, 1))],
      );
    },
    { since: 26 },
  ),
];

export const reductionDtypes: readonly DType[] = ['f32', 'f64', 'f16', 'bf16', 'i32', 'i64', 'u32', 'u64'];

const reduce = (
  name: string,
  top: (x: Val) => Partial<Omit<Val, 'name'>>,
  dtypes: readonly DType[] = reductionDtypes,
  limit = 1e4,
): Step =>
  step(name, (b) => {
    const x = b.operand({ dtypes, limit });
    const axes = x.shape.flatMap((_, i) => (b.chance(50) ? [i] : []));
    const keep = b.draw(0, 1);
    const all = axes.length === 0;
    const noop = all && b.opset >= (name === 'ReduceSum' ? 13 : 18) && b.chance(20);
    const shape = noop ? x.shape : x.shape.flatMap((d, i) => (all || axes.includes(i) ? (keep ? [1] : []) : [d]));
    const written = axes.map((a) => (b.chance(30) ? a - x.shape.length : a));
    const input = b.opset >= (name === 'ReduceSum' ? 13 : 18);
    if (x.shape.includes(0) && !/Sum|Prod|L1|L2/.test(name)) return;
    // onnxruntime gives wrong shapes for reductions of nothing.
    if (x.shape.includes(0)) b.model.apart = true;
    if (/LogSum$/.test(name)) return;
    const attributes = [
      int('keepdims', keep),
      ...(noop ? [int('noop_with_empty_axes', 1)] : []),
      ...(!all && !input ? [ints('axes', written)] : []),
    ];
    b.add(name, !all && input ? [x, b.ints(written, false, 10)] : [x], [like(x, { shape, ...top(x) })], attributes);
  });

export const reductions: readonly Step[] = [
  reduce('ReduceSum', (x) => ({ limit: x.limit * 60 })),
  reduce('ReduceMean', (x) => ({ limit: x.limit })),
  reduce('ReduceProd', () => ({ limit: 1e9 }), reductionDtypes, 2),
  reduce('ReduceMax', (x) => ({ exact: x.exact }), [...reductionDtypes, 'i8', 'u8']),
  reduce('ReduceMin', (x) => ({ exact: x.exact }), [...reductionDtypes, 'i8', 'u8']),
  reduce('ReduceL1', (x) => ({ limit: x.limit * 60 })),
  reduce('ReduceL2', (x) => ({ limit: x.limit * 8 })),
  reduce('ReduceSumSquare', (x) => ({ limit: x.limit ** 2 * 60 }), reductionDtypes, 100),
  reduce('ReduceLogSumExp', (x) => ({ limit: x.limit + 5 }), FLOATS, 60),
];
