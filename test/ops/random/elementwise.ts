import { onnxOfDtype } from '../../../compiler/import/onnx-type.ts';
import { type DType, isFloat, isUnsigned } from '../../../compiler/ir/dtype.ts';
import { attribute } from '../../import/build-onnx.ts';
import {
  type Builder,
  broadcast,
  broadcastable,
  FLOATS,
  like,
  NUMBERS,
  PLAIN,
  type Step,
  TINY,
  type Val,
  WHOLES,
} from './builder.ts';

const { int, float, string } = attribute;

/** A smooth function of one float tensor; `limit` bounds its operand, `top` its result. */
const smooth = (
  name: string,
  limit: number,
  top: (limit: number) => number,
  more: Partial<Step> = {},
  attributes: (b: Builder) => ReturnType<typeof float>[] = () => [],
): Step => ({
  name,
  ...more,
  apply: (b) => {
    const x = b.operand({ dtypes: FLOATS, limit });
    b.add(name, [x], [like(x, { limit: top(x.limit) })], attributes(b));
  },
});

/** A function that needs operands of its own range: new ones. */
const ranged = (name: string, range: readonly [number, number], top: number): Step => ({
  name,
  apply: (b) => {
    const x = b.operand({ dtypes: FLOATS, range });
    b.add(name, [x], [like(x, { limit: top })]);
  },
});

/** An exact function of one tensor. */
const exactly = (
  name: string,
  dtypes: readonly DType[],
  needsExact: boolean,
  result?: DType,
  more: Partial<Step> = {},
  attributes: (b: Builder) => ReturnType<typeof float>[] = () => [],
): Step => ({
  name,
  ...more,
  apply: (b) => {
    const x = b.operand({ dtypes, exact: needsExact });
    b.add(
      name,
      [x],
      [like(x, { dtype: result ?? x.dtype, exact: x.exact, ...(result ? { limit: 1 } : {}) })],
      attributes(b),
    );
  },
});

const alpha = (b: Builder) => (b.chance(50) ? [float('alpha', 0.25 * b.draw(1, 6))] : []);
const grow = (n: number): number => n + 2;

const unary: readonly Step[] = [
  ...['Sin', 'Cos', 'Atan', 'Tanh', 'Erf', 'Sigmoid', 'Softsign'].map((n) => smooth(n, 50, () => 1.6)),
  ...['Softplus', 'HardSwish'].map((n) => smooth(n, 100, grow, n === 'HardSwish' ? { since: 14 } : {})),
  smooth('Mish', 100, grow, { since: 18 }),
  smooth('Gelu', 100, grow, { since: 20 }, (b) => [string('approximate', b.pick(['none', 'tanh']))]),
  smooth('Swish', 100, grow, { since: 24 }),
  smooth('Exp', 6, Math.exp),
  smooth('Sinh', 6, Math.exp),
  smooth('Cosh', 6, Math.exp),
  smooth('Asinh', 1e4, grow),
  smooth('Elu', 100, grow, {}, alpha),
  smooth('Celu', 100, grow, { since: 12 }, alpha),
  smooth('Selu', 100, grow),
  smooth('LeakyRelu', 1e4, grow, {}, alpha),
  smooth('HardSigmoid', 1e4, () => 1, {}, alpha),
  ranged('Sqrt', [0, 9], 3),
  ranged('Log', [1, 9], 3),
  ranged('Asin', [-1, 1], 2),
  ranged('Acos', [-1, 1], 4),
  ranged('Acosh', [1, 9], 4),
  ranged('Atanh', [0, 0], 1),
  ranged('Tan', [-1, 1], 2),
  ranged('Reciprocal', [1, 4], 1),
  exactly('Abs', NUMBERS, false),
  exactly('Neg', [...FLOATS, 'i8', 'i16', 'i32', 'i64'], false),
  exactly('Relu', [...FLOATS, 'i8', 'i16', 'i32', 'i64'], false),
  ...['Ceil', 'Floor', 'Round'].map((n) => exactly(n, FLOATS, true)),
  exactly('Sign', NUMBERS, true),
  exactly('IsNaN', FLOATS, false, 'bool', { since: 13 }),
  exactly('IsInf', ['f32', 'f64'], false, 'bool', { since: 10 }),
  exactly('Not', ['bool'], true),
  exactly('BitwiseNot', WHOLES, true, undefined, { since: 18 }),
  exactly('Identity', [...PLAIN, 'string'], false),
  exactly('ThresholdedRelu', FLOATS, true, undefined, {}, alpha),
  exactly('Shrink', NUMBERS, true, undefined, {}, (b) =>
    b.chance(50) ? [float('lambd', b.draw(0, 8) / 4), float('bias', b.draw(-4, 4) / 4)] : [],
  ),
];

/** Two operands of one dtype whose shapes broadcast, and the shape of the result. */
function pair(
  b: Builder,
  dtypes: readonly DType[],
  exact = false,
  limit = 1e4,
  range?: readonly [number, number],
): [Val, Val, number[]] {
  const x = b.operand({ dtypes, exact, limit });
  const y = b.operand({
    dtypes: [x.dtype],
    exact,
    limit,
    test: (v) => broadcast(x.shape, v.shape) !== undefined,
    fresh: () => broadcastable(b, x.shape),
    ...(range ? { range } : {}),
  });
  const flip = b.chance(50) && !range;
  return [flip ? y : x, flip ? x : y, broadcast(x.shape, y.shape) ?? []];
}

const binary = (
  name: string,
  dtypes: readonly DType[],
  top: (a: Val, b: Val) => Partial<Omit<Val, 'name'>>,
  more: {
    exact?: boolean;
    range?: readonly [number, number];
    since?: number;
    attributes?: (b: Builder, x: Val) => ReturnType<typeof float>[];
  } = {},
): Step => ({
  name,
  ...(more.since ? { since: more.since } : {}),
  apply: (b) => {
    const [x, y, shape] = pair(b, dtypes, more.exact ?? false, 1e4, more.range);
    b.add(name, [x, y], [like(x, { shape, ...top(x, y) })], more.attributes?.(b, x) ?? []);
  },
});

const larger = (a: Val, b: Val) => ({ limit: Math.max(a.limit, b.limit), exact: a.exact && b.exact });
const sum = (a: Val, b: Val) => ({ limit: a.limit + b.limit });
const product = (a: Val, b: Val) => ({ limit: a.limit * b.limit });
const asBool = () => ({ dtype: 'bool' as const, exact: true, limit: 1 });
const same = (a: Val) => ({ limit: a.limit });

const binaries: readonly Step[] = [
  binary('Add', NUMBERS, sum),
  binary('Sub', NUMBERS, sum),
  binary('Mul', NUMBERS, product),
  binary('Div', NUMBERS, same, { range: [1, 4] }),
  binary('Mod', WHOLES, same, { range: [1, 4], since: 10 }),
  // onnxruntime goes through doubles for wider integers.
  binary('Mod', [...FLOATS, 'i8', 'i16', 'i32', 'u8', 'u16', 'u32'], same, {
    range: [1, 4],
    exact: true,
    since: 10,
    attributes: () => [int('fmod', 1)],
  }),
  binary('PRelu', ['f32', 'f64', 'f16', 'i32', 'i64', 'u32', 'u64'], product),
  ...['Less', 'Greater'].map((n) => binary(n, NUMBERS, asBool, { exact: true })),
  ...['LessOrEqual', 'GreaterOrEqual'].map((n) => binary(n, NUMBERS, asBool, { exact: true, since: 12 })),
  binary('Equal', PLAIN, asBool, { exact: true }),
  ...['And', 'Or', 'Xor'].map((n) => binary(n, ['bool'], asBool)),
  ...['BitwiseAnd', 'BitwiseOr', 'BitwiseXor'].map((n) => binary(n, WHOLES, same, { since: 18 })),
  binary('BitShift', ['u8', 'u16', 'u32', 'u64'], same, {
    range: [0, 7],
    attributes: (b) => [string('direction', b.pick(['LEFT', 'RIGHT']))],
  }),
];

const variadic = (
  name: string,
  dtypes: readonly DType[],
  top: (a: Val, b: Val) => Partial<Omit<Val, 'name'>>,
): Step => ({
  name,
  apply: (b) => {
    const all = [b.operand({ dtypes, limit: 1e3 })];
    let result = like(all[0] as Val, { exact: all[0]?.exact ?? false });
    for (let n = b.draw(0, 2); n > 0; n--) {
      const v = b.operand({
        dtypes: [result.dtype],
        limit: 1e3,
        test: (x) => broadcast(x.shape, result.shape) !== undefined,
        fresh: () => broadcastable(b, result.shape),
      });
      all.push(v);
      result = { ...result, shape: broadcast(result.shape, v.shape) ?? [], ...top({ ...result, name: '' }, v) };
    }
    b.add(name, all, [
      {
        ...result,
        ...(all.length > 1 && (name === 'Sum' || name === 'Mean') && isFloat(result.dtype) ? { exact: false } : {}),
      },
    ]);
  },
});

const power: Step = {
  name: 'Pow',
  apply: (b) => {
    const x = b.operand({ dtypes: ['f32', 'f64', 'f16', 'i32', 'i64'], limit: 8 });
    const y = b.operand({
      dtypes: b.opset >= 12 ? ['f32', 'f64', 'i32', 'i64', 'u8', 'i16', x.dtype] : [x.dtype],
      range: [0, 3],
      fresh: () => broadcastable(b, x.shape),
    });
    // Fractional powers of negative numbers are NaN; whole ones say more.
    const whole = isFloat(y.dtype) ? (b.add('Floor', [y], [like(y, { exact: true })])[0] ?? y) : y;
    b.add('Pow', [x, whole], [like(x, { shape: broadcast(x.shape, y.shape) ?? [], limit: x.limit ** 3 })]);
  },
};

const where: Step = {
  name: 'Where',
  apply: (b) => {
    const [x, y, shape] = pair(
      b,
      [...PLAIN, 'string'].filter((d): d is DType => d !== 'string'),
    );
    const c = b.operand({
      dtypes: ['bool'],
      test: (v) => broadcast(v.shape, shape) !== undefined,
      fresh: () => broadcastable(b, shape),
    });
    b.add('Where', [c, x, y], [like(x, { shape: broadcast(c.shape, shape) ?? [], ...larger(x, y) })]);
  },
};

const clip: Step = {
  name: 'Clip',
  since: 11,
  apply: (b) => {
    const x = b.operand({ dtypes: NUMBERS });
    const low = b.chance(70) ? b.source(x.dtype, [], [-2, 0]) : '';
    const high = b.chance(70) ? b.source(x.dtype, [], [1, 3]) : '';
    const inputs = high ? [x, low, high] : low ? [x, low] : [x];
    b.add('Clip', inputs, [like(x, { exact: x.exact })]);
  },
};

/** Casts that every engine must agree on: numbers that the target holds. */
const cast = (name: 'Cast' | 'CastLike'): Step => ({
  name,
  ...(name === 'CastLike' ? { since: 15 } : {}),
  apply: (b) => {
    const tiny = b.opset >= 23;
    const x = b.operand({ dtypes: tiny && b.chance(25) ? TINY : PLAIN, exact: true, limit: 100 });
    const all = PLAIN.filter(
      (d) => !(isUnsigned(d) && (isFloat(x.dtype) || !isUnsigned(x.dtype)) && x.dtype !== 'bool'),
    );
    const targets: readonly DType[] = TINY.includes(x.dtype)
      ? ['f32', 'f16']
      : tiny && isFloat(x.dtype) && b.chance(30)
        ? TINY
        : all;
    const to = b.pick(targets);
    // onnxruntime rounds fractions to integers of four bits and fewer; the standard cuts them off.
    if (/^[iu][24]$/.test(to) && isFloat(x.dtype)) b.model.apart = true;
    // Narrow results are compared after widening, so their rounding shows; nothing else reads them.
    const result = like(x, { dtype: to, exact: true });
    if (name === 'CastLike') b.add('CastLike', [x, b.source(to, [1])], [result]);
    else b.add('Cast', [x], [result], [int('to', onnxOfDtype(to))]);
  },
});

const bitCast: Step = {
  name: 'BitCast',
  since: 26,
  apply: (b) => {
    const families: readonly (readonly DType[])[] = [
      ['i8', 'u8'],
      ['i16', 'u16'],
      ['i32', 'u32'],
      ['i64', 'u64'],
    ];
    const family = b.pick(families);
    const x = b.operand({ dtypes: family, range: [0, 8] });
    const to = b.pick(family.filter((d) => d !== x.dtype));
    b.add('BitCast', [x], [like(x, { dtype: to })], [int('to', onnxOfDtype(to))]);
  },
};

export const elementwise: readonly Step[] = [
  ...unary,
  ...binaries,
  variadic('Sum', FLOATS, (x, y) => ({ ...sum(x, y), exact: false })),
  variadic('Mean', FLOATS, (x, y) => ({ ...sum(x, y), exact: false })),
  variadic('Max', NUMBERS, larger),
  variadic('Min', NUMBERS, larger),
  power,
  where,
  clip,
  cast('Cast'),
  cast('Cast'),
  cast('CastLike'),
  bitCast,
];
