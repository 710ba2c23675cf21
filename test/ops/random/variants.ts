import type { DType } from '../../../compiler/ir/dtype.ts';
import { attribute } from '../../import/build-onnx.ts';
import { axisOf, type Builder, like, pack, type Step, size, step, type Val } from './builder.ts';
import { notEmpty, solid } from './shapes.ts';

const { int, ints, float, string, strings } = attribute;

const image = (b: Builder, dtypes: readonly DType[] = ['f32']): Val =>
  b.operand({
    dtypes,
    rank: [3, 4],
    limit: 100,
    test: notEmpty,
    fresh: () => [b.draw(1, 2), b.draw(1, 3), ...Array.from({ length: b.draw(1, 2) }, () => b.draw(2, 6))],
  });

const padding: readonly Step[] = [
  step('Conv by auto_pad', (b) => {
    const x = image(b);
    const [n = 1, c = 1, ...space] = x.shape;
    const kernel = space.map((d) => b.draw(1, Math.min(3, d)));
    const strides = space.map(() => b.draw(1, 2));
    const mode = b.pick(['SAME_UPPER', 'SAME_LOWER', 'VALID']);
    const shape = space.map((d, i) => Math.ceil((mode === 'VALID' ? d - (kernel[i] ?? 1) + 1 : d) / (strides[i] ?? 1)));
    b.add(
      'Conv',
      [x, b.source('f32', [2, c, ...kernel], [-2, 2])],
      [like(x, { shape: [n, 2, ...shape], limit: x.limit * 60 })],
      [ints('strides', strides), string('auto_pad', mode)],
    );
  }),
  step('ConvTranspose by auto_pad', (b) => {
    const x = image(b);
    const [n = 1, c = 1, ...space] = x.shape;
    const kernel = space.map(() => b.draw(2, 3));
    const strides = space.map(() => b.draw(1, 2));
    const shape = space.map((d, i) => d * (strides[i] ?? 1));
    b.add(
      'ConvTranspose',
      [x, b.source('f32', [c, 2, ...kernel], [-2, 2])],
      [like(x, { shape: [n, 2, ...shape], limit: x.limit * 60 })],
      [ints('strides', strides), string('auto_pad', b.pick(['SAME_UPPER', 'SAME_LOWER']))],
    );
  }),
  step('ConvTranspose to a shape', (b) => {
    const x = image(b);
    const [n = 1, c = 1, ...space] = x.shape;
    const shape = space.map((d) => 2 * d + b.draw(0, 1));
    b.add(
      'ConvTranspose',
      [x, b.source('f32', [c, 1, ...space.map(() => 3)], [-2, 2])],
      [like(x, { shape: [n, 1, ...shape], limit: x.limit * 60 })],
      [
        ints(
          'strides',
          space.map(() => 2),
        ),
        ints('output_shape', shape),
      ],
    );
  }),
  step(
    'pools that round up',
    (b) => {
      const x = image(b);
      const space = x.shape.slice(2);
      const kernel = space.map((d) => b.draw(1, Math.min(3, d)));
      // A last window that starts in the padding is dropped; here there is none.
      const shape = space.map((d, i) => Math.ceil((d - (kernel[i] ?? 1)) / 2) + 1);
      if (shape.some((n, i) => (n - 1) * 2 >= (space[i] ?? 1))) return;
      const op = b.pick(['MaxPool', 'AveragePool']);
      b.add(
        op,
        [x],
        [like(x, { shape: [...x.shape.slice(0, 2), ...shape], exact: op === 'MaxPool' && x.exact })],
        [
          ints('kernel_shape', kernel),
          ints(
            'strides',
            space.map(() => 2),
          ),
          int('ceil_mode', 1),
        ],
      );
    },
    { since: 10 },
  ),
  step('MaxRoiPool', (b) => {
    const x = b.operand({ dtypes: ['f32'], shape: [1, 2, 5, 5], limit: 100 });
    const rois = b.given(pack('f32', [2, 5], [0, 0, 0, 3, 2, 0, 1, 1, 4, 4]), b.chance(50));
    b.add('MaxRoiPool', [x, rois], [like(x, { shape: [2, 2, 2, 2], exact: x.exact })], [ints('pooled_shape', [2, 2])]);
  }),
];

const chosen: readonly Step[] = [
  step(
    'NonMaxSuppression',
    (b) => {
      const n = b.draw(2, 5);
      const corners = Array.from({ length: n }, () => {
        const [y, x] = [b.draw(0, 6), b.draw(0, 6)];
        return [y, x, y + b.draw(1, 4), x + b.draw(1, 4)];
      });
      const boxes = b.given(pack('f32', [1, n, 4], corners.flat()), b.chance(50));
      // No two scores are equal: engines order equal ones differently.
      const scores = b.given(
        pack(
          'f32',
          [1, 2, n],
          Array.from({ length: 2 * n }, (_, i) => ((i * 7) % 16) / 16 + i / 512),
        ),
        b.chance(50),
      );
      const one = (v: number) => b.given(pack('f32', [], [v]), true);
      const found = b.raw('NonMaxSuppression', [boxes, scores, b.ints([b.draw(1, 3)]), one(0.3), one(0.1)], 1);
      const wide = b.raw('Cast', found, 1, [int('to', 1)]);
      const out = { dtype: 'f32' as const, shape: [1, 3], exact: true, limit: 99 };
      if (b.opset >= 13) b.add('ReduceSum', [...wide, b.ints([0])], [out]);
      else b.add('ReduceSum', wide, [out], [ints('axes', [0])]);
    },
    { since: 11 },
  ),
  step(
    'Unique along an axis',
    (b) => {
      const x = b.operand({
        dtypes: ['f32', 'i64', 'i32', 'u8'],
        rank: [1, 3],
        exact: true,
        test: notEmpty,
        fresh: solid,
      });
      const { axis, written } = axisOf(b, x);
      const [values = '', , inverse = ''] = b.raw('Unique', [x], 4, [
        int('axis', written),
        int('sorted', b.draw(0, 1)),
      ]);
      // Put back together it is what it was.
      b.add('Gather', [values, inverse], [like(x, { exact: true })], [int('axis', axis)]);
    },
    { since: 11 },
  ),
  step('Cast to and from strings', (b) => {
    const x = b.operand({ dtypes: ['i64', 'i32', 'bool'], exact: true });
    if (x.dtype === 'bool') b.model.apart = true;
    const [text] = b.add('Cast', [x], [like(x, { dtype: 'string', exact: true })], [int('to', 8)]);
    if (text && x.dtype !== 'bool') b.add('Cast', [text], [like(x, { dtype: 'f32', exact: true })], [int('to', 1)]);
  }),
  step(
    'Optional',
    (b) => {
      const x = b.operand({ dtypes: ['f32', 'i64'] });
      const held = b.raw('Optional', [x], 1);
      b.add('OptionalHasElement', held, [{ dtype: 'bool', shape: [], exact: true, limit: 1 }]);
      b.add('OptionalGetElement', held, [like(x, { exact: x.exact })]);
    },
    { since: 18 },
  ),
];

const recurrences: readonly Step[] = [
  step('recurrent layers with other activations', (b) => {
    const [name, gates, functions] = b.pick<readonly [string, number, number]>([
      ['LSTM', 4, 3],
      ['GRU', 3, 2],
      ['RNN', 1, 1],
    ]);
    const [time, batch, width, hidden] = [b.draw(1, 3), b.draw(1, 2), b.draw(1, 3), b.draw(1, 3)];
    const x = b.operand({ dtypes: ['f32'], shape: [time, batch, width], limit: 10 });
    const [w, r] = [
      b.source('f32', [1, gates * hidden, width], [-1, 1]),
      b.source('f32', [1, gates * hidden, hidden], [-1, 1]),
    ];
    const last = { dtype: 'f32' as const, shape: [1, batch, hidden], exact: false, limit: 100 };
    const names = Array.from({ length: functions }, () =>
      b.pick(['Sigmoid', 'Tanh', 'Relu', 'Softsign', 'HardSigmoid']),
    );
    // onnxruntime takes the defaults of HardSigmoid from elsewhere.
    const attributes = [
      int('hidden_size', hidden),
      strings('activations', names),
      ...(b.chance(40) ? [float('clip', 2)] : []),
    ];
    if (names.includes('HardSigmoid')) b.model.apart = true;
    b.add(
      name,
      [x, w, r],
      [{ ...last, shape: [time, 1, batch, hidden] }, last, ...(name === 'LSTM' ? [last] : [])],
      attributes,
    );
  }),
  step(
    'recurrent layers by batch',
    (b) => {
      const [name, gates] = b.pick<readonly [string, number]>([
        ['LSTM', 4],
        ['GRU', 3],
        ['RNN', 1],
      ]);
      const [time, batch, width, hidden] = [b.draw(1, 3), b.draw(1, 2), b.draw(1, 3), b.draw(1, 3)];
      const x = b.operand({ dtypes: ['f32'], shape: [batch, time, width], limit: 10 });
      const [w, r] = [
        b.source('f32', [1, gates * hidden, width], [-1, 1]),
        b.source('f32', [1, gates * hidden, hidden], [-1, 1]),
      ];
      const last = { dtype: 'f32' as const, shape: [batch, 1, hidden], exact: false, limit: 100 };
      b.add(
        name,
        [x, w, r],
        [{ ...last, shape: [batch, time, 1, hidden] }, last],
        [int('hidden_size', hidden), int('layout', 1)],
      );
    },
    { since: 14 },
  ),
];

const attention: readonly Step[] = [
  step(
    'Attention with a cache',
    (b) => {
      const dtype = b.pick(['f32', 'f16'] as const);
      const [n, kv, group, q, s, past, d] = [
        b.draw(1, 2),
        b.draw(1, 2),
        b.draw(1, 2),
        b.draw(1, 3),
        b.draw(1, 3),
        b.draw(1, 3),
        2 * b.draw(1, 2),
      ];
      const of = (heads: number, length: number): Val => b.source(dtype, [n, heads, length, d], [-2, 2]);
      const total = past + s;
      const mask = b.chance(50)
        ? b.chance(50)
          ? b.source(dtype, [q, total])
          : b.given(
              pack(
                'bool',
                [q, total],
                Array.from({ length: q * total }, (_, i) => (i % total === 0 ? 1 : b.draw(0, 1))),
              ),
              b.chance(50),
            )
        : '';
      const causal = b.chance(30) ? 1 : 0;
      // onnxruntime does not count the cache of 16-bit floats here, and lets one query see all keys, those after it too.
      if (causal && (dtype === 'f16' || (q === 1 && s > 1))) b.model.apart = true;
      const out = { dtype, shape: [n, kv * group, q, d], exact: false, limit: 4 };
      const cache = { dtype, shape: [n, kv, total, d], exact: true, limit: 4 };
      b.add(
        'Attention',
        [of(kv * group, q), of(kv, s), of(kv, s), mask, of(kv, past), of(kv, past)],
        [out, cache, cache],
        [
          ...(b.chance(30) ? [float('softcap', 2)] : []),
          ...(b.chance(30) ? [float('scale', 0.5)] : []),
          int('is_causal', causal),
        ],
      );
    },
    { since: 23 },
  ),
  step(
    'Attention of rows',
    (b) => {
      const [n, kv, group, q, s, d] = [
        b.draw(1, 2),
        b.draw(1, 2),
        b.draw(1, 2),
        b.draw(1, 3),
        b.draw(1, 3),
        2 * b.draw(1, 2),
      ];
      const of = (heads: number, length: number): Val => b.source('f32', [n, length, heads * d], [-2, 2]);
      b.add(
        'Attention',
        [of(kv * group, q), of(kv, s), of(kv, s)],
        [{ dtype: 'f32', shape: [n, q, kv * group * d], exact: false, limit: 4 }],
        [int('q_num_heads', kv * group), int('kv_num_heads', kv)],
      );
    },
    { since: 23 },
  ),
  step('GroupQueryAttention', (b) => {
    const [kv, group, s, d] = [b.draw(1, 2), b.draw(1, 2), b.draw(1, 3), 8];
    const of = (heads: number): Val => b.source('f32', [1, s, heads * d], [-2, 2]);
    const past = b.draw(0, 1) === 0 || s > 1 ? 0 : b.draw(1, 3);
    const cache = (): Val => b.source('f32', [1, kv, past, d], [-2, 2]);
    const total = past + s;
    const present = { dtype: 'f32' as const, shape: [1, kv, total, d], exact: true, limit: 4 };
    b.add(
      'GroupQueryAttention',
      [
        of(kv * group),
        of(kv),
        of(kv),
        ...(past > 0 ? [cache(), cache()] : ['', '']),
        b.given(pack('i32', [1, 1], [total - 1]), true),
        b.given(pack('i32', [], [total]), true),
      ],
      [{ dtype: 'f32', shape: [1, s, kv * group * d], exact: false, limit: 4 }, present, present],
      [int('num_heads', kv * group), int('kv_num_heads', kv)],
      'com.microsoft',
    );
  }),
];

const losses: readonly Step[] = [
  step(
    'losses over images',
    (b) => {
      const space = Array.from({ length: b.draw(1, 2) }, () => b.draw(1, 3));
      const [n, c] = [b.draw(1, 2), b.draw(2, 4)];
      const x = b.operand({ dtypes: ['f32', 'f64'], shape: [n, c, ...space], limit: 100 });
      const labels = b.given(
        pack(
          'i64',
          [n, ...space],
          Array.from({ length: n * size(space) }, () => b.draw(0, c - 1)),
        ),
        b.chance(50),
      );
      const reduction = b.pick(['mean', 'sum', 'none']);
      const ignore = b.chance(40) ? [int('ignore_index', b.draw(0, c))] : [];
      // A mean over nothing is NaN in one and 0 in the other.
      if (ignore.length > 0 && reduction === 'mean') return;
      const inputs = b.chance(50) ? [x, labels, b.source(x.dtype, [c], [1, 3])] : [x, labels];
      b.add(
        b.pick(['SoftmaxCrossEntropyLoss', 'NegativeLogLikelihoodLoss']),
        inputs,
        [like(x, { shape: reduction === 'none' ? [n, ...space] : [], limit: x.limit * 40 })],
        [string('reduction', reduction), ...ignore],
      );
    },
    { since: 13 },
  ),
];

const quantized: readonly Step[] = [
  step(
    'QuantizeLinear in blocks',
    (b) => {
      const x = b.operand({ dtypes: ['f32'], shape: [b.draw(1, 3), 4], exact: true, limit: 100 });
      const scale = b.given(
        pack(
          'f32',
          [x.shape[0] ?? 1, 2],
          Array.from({ length: 2 * (x.shape[0] ?? 1) }, () => b.pick([0.25, 0.5, 1])),
        ),
        true,
      );
      const to = b.pick(['u8', 'i8', 'i4', 'u4', 'i16'] as const);
      const zero = b.source(to, scale.shape, [0, 3], true);
      const [y] = b.add(
        'QuantizeLinear',
        [x, scale, zero],
        [{ dtype: to, shape: x.shape, exact: true, limit: 255 }],
        [int('axis', 1), int('block_size', 2)],
      );
      if (y)
        b.add(
          'DequantizeLinear',
          [y, scale, zero],
          [like(x, { exact: true, limit: 300 })],
          [int('axis', 1), int('block_size', 2)],
        );
    },
    { since: 21 },
  ),
];

/** Further forms of operators that the other files have in their plainest. */
export const variants: readonly Step[] = [...padding, ...chosen, ...recurrences, ...attention, ...losses, ...quantized];
