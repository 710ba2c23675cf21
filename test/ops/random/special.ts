import type { DType } from '../../../compiler/ir/dtype.ts';
import { attribute } from '../../import/build-onnx.ts';
import { type Builder, FLOATS, like, pack, type Step, step, type Val } from './builder.ts';
import { notEmpty, solid } from './shapes.ts';

const { int, ints, float, string, graph } = attribute;

const quantized: readonly Step[] = [
  step(
    'QuantizeLinear',
    (b) => {
      const x = b.operand({ dtypes: ['f32', 'f16'], rank: [1, 3], exact: true, limit: 100 });
      const codes: DType[] = [
        'u8',
        'i8',
        ...(b.opset >= 21 ? (['u16', 'i16', 'u4', 'i4'] as const) : []),
        ...(b.opset >= 19 ? (['f8e4m3fn', 'f8e5m2'] as const) : []),
      ];
      const to = b.pick(codes);
      // Powers of two: dividing by them is exact, so that ties are ties everywhere.
      const scale = b.given(pack(b.opset >= 19 ? x.dtype : 'f32', [], [b.pick([0.25, 0.5, 1])]), b.chance(60));
      const zero = b.source(to, [], to.startsWith('f') ? [0, 0] : [0, 3], true);
      const [y] = b.add('QuantizeLinear', [x, scale, zero], [{ dtype: to, shape: x.shape, exact: true, limit: 255 }]);
      if (y && b.chance(50))
        b.add(
          'DequantizeLinear',
          [y, scale, zero],
          [{ dtype: b.opset >= 19 ? x.dtype : 'f32', shape: x.shape, exact: true, limit: 255 }],
        );
    },
    { since: 13 },
  ),
  step(
    'DequantizeLinear',
    (b) => {
      const dtypes: DType[] = ['u8', 'i8', ...(b.opset >= 21 ? (['u4', 'i4', 'i16', 'u16'] as const) : [])];
      const x = b.operand({ dtypes, rank: [2, 3], test: notEmpty, fresh: () => [b.draw(1, 4), b.draw(1, 4)] });
      const axis = b.draw(0, x.shape.length - 1);
      const n = x.shape[axis] ?? 1;
      const scale = b.source('f32', [n], [1, 3]);
      b.add(
        'DequantizeLinear',
        [x, scale, b.source(x.dtype, [n], [0, 3])],
        [{ dtype: 'f32', shape: x.shape, exact: true, limit: 800 }],
        [int('axis', axis)],
      );
    },
    { since: 13 },
  ),
  step(
    'DynamicQuantizeLinear',
    (b) => {
      const x = b.operand({ dtypes: ['f32'], rank: [1, 3], limit: 100, exact: true, test: notEmpty, fresh: solid });
      const [y, scale, zero] = b.add(
        'DynamicQuantizeLinear',
        [x],
        [
          { dtype: 'u8', shape: x.shape, exact: false, limit: 255 },
          { dtype: 'f32', shape: [], exact: false, limit: 2 },
          { dtype: 'u8', shape: [], exact: false, limit: 255 },
        ],
      );
      // The codes may be one off where rounding decides; what they mean may not.
      if (y && scale && zero)
        b.add('DequantizeLinear', [y, scale, zero], [{ dtype: 'f32', shape: x.shape, exact: false, limit: 100 }]);
    },
    { since: 11 },
  ),
  step(
    'MatMulInteger',
    (b) => {
      const x = b.operand({
        dtypes: ['u8', 'i8'],
        rank: [2, 3],
        test: notEmpty,
        fresh: () => [b.draw(1, 3), b.draw(1, 4)],
      });
      const y = b.source(b.pick(['u8', 'i8'] as const), [x.shape[x.shape.length - 1] ?? 1, b.draw(1, 4)]);
      const zeros = b.chance(50) ? [b.source(x.dtype, [], [0, 3]), b.source(y.dtype, [], [0, 3])] : [];
      b.add(
        'MatMulInteger',
        [x, y, ...zeros],
        [{ dtype: 'i32', shape: [...x.shape.slice(0, -1), y.shape[1] ?? 1], exact: true, limit: 1e5 }],
      );
    },
    { since: 10 },
  ),
  step(
    'ConvInteger',
    (b) => {
      const [c, h, w] = [b.draw(1, 2), b.draw(2, 4), b.draw(2, 4)];
      const x = b.operand({ dtypes: ['u8'], shape: [1, c, h, w] });
      b.add(
        'ConvInteger',
        [x, b.source('u8', [2, c, 2, 2]), b.source('u8', [], [0, 3])],
        [{ dtype: 'i32', shape: [1, 2, h - 1, w - 1], exact: true, limit: 1e5 }],
      );
    },
    { since: 10 },
  ),
];

const sequences: readonly Step[] = [
  step(
    'SequenceConstruct',
    (b) => {
      const x = b.operand({ dtypes: ['f32', 'i64', 'f64'], rank: [1, 3] });
      const y = b.operand({ dtypes: [x.dtype], shape: x.shape });
      const parts = [x, y];
      let [seq = ''] = b.raw('SequenceConstruct', parts, 1);
      if (b.chance(40)) {
        const z = b.operand({ dtypes: [x.dtype], shape: x.shape });
        const at = b.draw(-2, 2);
        [seq = ''] = b.raw('SequenceInsert', [seq, z, b.ints([at], true)], 1);
        parts.splice(at < 0 ? at + 2 : at, 0, z);
      }
      if (b.chance(30)) {
        const at = b.draw(0, parts.length - 1);
        [seq = ''] = b.raw('SequenceErase', [seq, b.ints([b.chance(50) ? at : at - parts.length], true)], 1);
        parts.splice(at, 1);
      }
      const out = like(x, { exact: parts.every((p) => p.exact), limit: Math.max(...parts.map((p) => p.limit)) });
      if (b.chance(40)) b.add('SequenceAt', [seq, b.ints([b.draw(0, parts.length - 1)], true)], [out]);
      else if (b.chance(50))
        b.add(
          'ConcatFromSequence',
          [seq],
          [{ ...out, shape: [...x.shape.slice(0, -1), parts.length * (x.shape[x.shape.length - 1] ?? 1)] }],
          [int('axis', -1)],
        );
      else
        b.add(
          'ConcatFromSequence',
          [seq],
          [{ ...out, shape: [parts.length, ...x.shape] }],
          [int('axis', 0), int('new_axis', 1)],
        );
      if (b.chance(20)) b.add('SequenceLength', [seq], [{ dtype: 'i64', shape: [], exact: true, limit: 4 }]);
    },
    { since: 11 },
  ),
  step(
    'SplitToSequence',
    (b) => {
      const x = b.operand({
        dtypes: ['f32', 'i64', 'i32'],
        rank: [2, 3],
        test: notEmpty,
        fresh: () => [b.draw(2, 4), b.draw(1, 4)],
      });
      const axis = b.draw(0, x.shape.length - 1);
      const [seq = ''] = b.raw('SplitToSequence', [x], 1, [int('axis', axis), int('keepdims', 0)]);
      b.add(
        'SequenceAt',
        [seq, b.ints([-1], true)],
        [like(x, { shape: x.shape.filter((_, i) => i !== axis), exact: x.exact })],
      );
    },
    { since: 11 },
  ),
];

/** A value of the body that has the type of `like`: one of its own, or a copy of what is around. */
function resultLike(b: Builder, wanted: Val): Val {
  const own = b.values.filter((v) => v.dtype === wanted.dtype && v.shape.join() === wanted.shape.join());
  const x = own.length > 0 ? b.pick(own) : b.operand({ dtypes: [wanted.dtype], shape: wanted.shape });
  return b.add('Identity', [x], [like(x, { exact: x.exact })])[0] ?? x;
}

/** Control flow; `grow` adds a random operator to a body. */
export const controlSteps = (grow: (b: Builder) => void): readonly Step[] => [
  step(
    'If',
    (b) => {
      const x = b.operand({ dtypes: ['f32', 'i64', 'bool', 'f64'], limit: 100 });
      const condition = b.given(pack('bool', [], [b.draw(0, 1)]), b.chance(20));
      const branch = () => {
        const inner = b.body();
        for (let n = b.draw(0, 2); n > 0; n--) grow(inner);
        const out = resultLike(inner, x);
        return { out, graph: inner.graph([], [out]) };
      };
      const [yes, no] = [branch(), branch()];
      b.add(
        'If',
        [condition],
        [like(x, { exact: yes.out.exact && no.out.exact, limit: Math.max(yes.out.limit, no.out.limit) })],
        [graph('then_branch', yes.graph), graph('else_branch', no.graph)],
      );
    },
    { since: 11 },
  ),
  step(
    'Loop',
    (b) => {
      const x = b.operand({ dtypes: ['f32', 'f64'], rank: [0, 2], limit: 10 });
      const trips = b.draw(0, 4);
      const inner = b.body();
      const [iteration, condition, state] = [
        { name: inner.name('i'), dtype: 'i64', shape: [], exact: true, limit: 8 },
        { name: inner.name('k'), dtype: 'bool', shape: [], exact: true, limit: 1 },
        { name: inner.name('s'), dtype: x.dtype, shape: x.shape, exact: false, limit: 10 },
      ] as const;
      inner.values.push(iteration, state);
      for (let n = b.draw(0, 2); n > 0; n--) grow(inner);
      const [next = state] = inner.add('Tanh', [resultLike(inner, state)], [like(state, { limit: 1 })]);
      const [scanned = state] = inner.add('Add', [next, state], [like(state, { limit: 12 })]);
      const [again = condition] = inner.add('Identity', [condition], [condition]);
      const body = inner.graph([iteration, condition, state], [again, next, scanned]);
      b.add(
        'Loop',
        [b.ints([trips], true, 40), b.given(pack('bool', [], [1]), true), x],
        [like(x, { limit: 10 }), like(x, { shape: [trips, ...x.shape], limit: 12 })],
        [graph('body', body)],
      );
    },
    { since: 11 },
  ),
  step(
    'Scan',
    (b) => {
      const x = b.operand({ dtypes: ['f32', 'f64'], rank: [1, 2], limit: 10, test: notEmpty, fresh: solid });
      const row = x.shape.slice(1);
      const start = b.operand({ dtypes: [x.dtype], shape: row, limit: 10 });
      const inner = b.body();
      const [state, element] = [
        { name: inner.name('s'), dtype: x.dtype, shape: row, exact: false, limit: 10 },
        { name: inner.name('e'), dtype: x.dtype, shape: row, exact: false, limit: 10 },
      ] as const;
      inner.values.push(state, element);
      for (let n = b.draw(0, 1); n > 0; n--) grow(inner);
      const [sum = state] = inner.add('Add', [state, element], [like(state, { limit: 20 })]);
      const [next = state] = inner.add('Sin', [sum], [like(state, { limit: 1 })]);
      const [out = state] = inner.add('Mul', [next, element], [like(state, { limit: 10 })]);
      const reverse = b.draw(0, 1);
      b.add(
        'Scan',
        [start, x],
        [like(start, { limit: 10 }), like(x, { limit: 10 })],
        [
          graph('body', inner.graph([state, element], [next, out])),
          int('num_scan_inputs', 1),
          ints('scan_input_directions', [reverse]),
        ],
      );
    },
    { since: 11 },
  ),
];

const words = (b: Builder, shape: readonly number[]): Val => b.source('string', shape);

const texts: readonly Step[] = [
  step(
    'StringConcat',
    (b) => {
      const x = words(b, b.shape(0, 2));
      b.add(
        'StringConcat',
        [x, words(b, b.chance(50) ? x.shape : [])],
        [{ dtype: 'string', shape: x.shape, exact: true, limit: 1 }],
      );
    },
    { since: 20 },
  ),
  step(
    'RegexFullMatch',
    (b) => {
      const x = words(b, b.shape(0, 2));
      b.add(
        'RegexFullMatch',
        [x],
        [{ dtype: 'bool', shape: x.shape, exact: true, limit: 1 }],
        [string('pattern', b.pick(['[a-z]+', '.*b.*', '\\d+', '[^,]*']))],
      );
    },
    { since: 20 },
  ),
  step(
    'StringNormalizer',
    (b) => {
      const n = b.draw(1, 4);
      b.add(
        'StringNormalizer',
        [words(b, [n])],
        [{ dtype: 'string', shape: [n], exact: true, limit: 1 }],
        [string('case_change_action', b.pick(['LOWER', 'UPPER', 'NONE']))],
      );
    },
    { since: 10 },
  ),
  step(
    'Equal of strings',
    (b) => {
      const x = words(b, b.shape(0, 2));
      b.add('Equal', [x, words(b, x.shape)], [{ dtype: 'bool', shape: x.shape, exact: true, limit: 1 }]);
    },
    { since: 19 },
  ),
  step(
    'TfIdfVectorizer',
    (b) => {
      const x = b.source('i64', [b.draw(2, 8)], [1, 4]);
      b.add(
        'TfIdfVectorizer',
        [x],
        [{ dtype: 'f32', shape: [4], exact: true, limit: 8 }],
        [
          string('mode', b.pick(['TF', 'IDF', 'TFIDF'])),
          int('min_gram_length', 1),
          int('max_gram_length', 2),
          int('max_skip_count', b.draw(0, 2)),
          ints('ngram_counts', [0, 2]),
          ints('ngram_indexes', [0, 1, 2, 3]),
          ints('pool_int64s', [1, 2, 1, 2, 3, 4]),
        ],
      );
    },
    { since: 9 },
  ),
];

const MS = 'com.microsoft';
const contrib: readonly Step[] = [
  ...(['FastGelu', 'BiasGelu'] as const).map((name) =>
    step(name, (b) => {
      const x = b.operand({ dtypes: ['f32'], rank: [1, 3], limit: 100 });
      b.add(name, [x, b.source('f32', [x.shape[x.shape.length - 1] ?? 1])], [like(x, { limit: x.limit + 4 })], [], MS);
    }),
  ),
  step('QuickGelu', (b) => {
    const x = b.operand({ dtypes: FLOATS.slice(0, 1), limit: 100 });
    b.add('QuickGelu', [x], [like(x)], [], MS);
  }),
  step('SkipLayerNormalization', (b) => {
    const x = b.operand({
      dtypes: ['f32'],
      rank: [3, 3],
      limit: 100,
      test: notEmpty,
      fresh: () => [b.draw(1, 2), b.draw(1, 3), b.draw(2, 4)],
    });
    const width = x.shape[2] ?? 1;
    const skip = b.operand({ dtypes: ['f32'], shape: x.shape, limit: 100 });
    const simple = b.chance(50);
    const inputs = [x, skip, b.source('f32', [width]), ...(simple ? [] : [b.source('f32', [width])])];
    b.add(
      simple ? 'SkipSimplifiedLayerNormalization' : 'SkipLayerNormalization',
      inputs,
      [like(x, { limit: 40 })],
      [float('epsilon', 0.01)],
      MS,
    );
  }),
  step('FusedMatMul', (b) => {
    const x = b.operand({ dtypes: ['f32'], rank: [2, 3], limit: 100, test: notEmpty, fresh: solid });
    if (x.shape.length < 2) return;
    const k = x.shape[x.shape.length - 1] ?? 1;
    const n = b.draw(1, 4);
    b.add(
      'FusedMatMul',
      [x, b.source('f32', [n, k])],
      [like(x, { shape: [...x.shape.slice(0, -1), n], limit: 5e3 })],
      [int('transB', 1), float('alpha', 0.5)],
      MS,
    );
  }),
  step('MatMulNBits', (b) => {
    const [k, n] = [32, b.draw(1, 4)];
    const x = b.operand({ dtypes: ['f32'], shape: [b.draw(1, 3), k], limit: 100 });
    const codes = b.given(
      { dtype: 'u8', shape: [n, 1, 16], data: Uint8Array.from(b.numbers('u8', n * 16, [0, 255])) },
      true,
    );
    b.add(
      'MatMulNBits',
      [x, codes, b.source('f32', [n], [1, 2], true)],
      [like(x, { shape: [x.shape[0] ?? 1, n], limit: 1e4 })],
      [int('K', k), int('N', n), int('bits', 4), int('block_size', 32)],
      MS,
    );
  }),
  step('MultiHeadAttention', (b) => {
    const [n, q, s] = [b.draw(1, 2), b.draw(1, 3), b.draw(1, 3)];
    const query = b.operand({ dtypes: ['f32'], shape: [n, q, 8], limit: 8 });
    const [key, value] = [
      b.operand({ dtypes: ['f32'], shape: [n, s, 8], limit: 8 }),
      b.operand({ dtypes: ['f32'], shape: [n, s, 8], limit: 8 }),
    ];
    b.add('MultiHeadAttention', [query, key, value], [like(query)], [int('num_heads', b.pick([1, 2]))], MS);
  }),
];

export const special: readonly Step[] = [...quantized, ...sequences, ...texts, ...contrib];
