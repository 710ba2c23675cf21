import { attribute } from '../../import/build-onnx.ts';
import { axisOf, type Builder, broadcast, FLOATS, like, pack, type Step, type Val } from './builder.ts';

const { int, ints, float, string } = attribute;
const step = (name: string, apply: (b: Builder) => void, more: Partial<Step> = {}): Step => ({ name, apply, ...more });
const WORKING = ['f32', 'f64', 'f16'] as const;

const matrices: readonly Step[] = [
  step('MatMul', (b) => {
    const x = b.operand({ dtypes: ['f32', 'f64', 'f16', 'i32', 'i64', 'u32', 'u64'], rank: [1, 4], limit: 100 });
    const k = x.shape[x.shape.length - 1] ?? 1;
    const batch = x.shape.length > 2 && b.chance(50) ? x.shape.slice(0, -2).map((d) => (b.chance(30) ? 1 : d)) : [];
    const vector = b.chance(15);
    // onnxruntime leaves an empty product of integers as it found it.
    if (k === 0) b.model.apart = true;
    const n = b.draw(1, 5);
    const y = b.operand({ dtypes: [x.dtype], shape: vector ? [k] : [...batch, k, n], limit: 100 });
    const outer = broadcast(x.shape.slice(0, -2), y.shape.slice(0, -2)) ?? [];
    const shape = [...outer, ...x.shape.slice(0, -1).slice(-1), ...(vector ? [] : [n])];
    b.add('MatMul', [x, y], [like(x, { shape, limit: x.limit * y.limit * Math.max(1, k) })]);
  }),
  step('Gemm', (b) => {
    const x = b.operand({ dtypes: WORKING, rank: [2, 2], limit: 100 });
    const [transA, transB, n] = [b.draw(0, 1), b.draw(0, 1), b.draw(1, 5)];
    const [m = 1, k = 1] = transA ? [...x.shape].reverse() : x.shape;
    const inputs: Val[] = [x, b.operand({ dtypes: [x.dtype], shape: transB ? [n, k] : [k, n], limit: 100 })];
    if (b.chance(60))
      inputs.push(b.operand({ dtypes: [x.dtype], shape: b.pick([[n], [1, n], [m, 1], [m, n], []]), limit: 100 }));
    // onnxruntime does not scale the bias of an empty product.
    if (k === 0) b.model.apart = true;
    b.add(
      'Gemm',
      inputs,
      [like(x, { shape: [m, n], limit: x.limit * 400 })],
      [int('transA', transA), int('transB', transB), float('alpha', 0.5), float('beta', b.pick([1, 0.5]))],
    );
  }),
  step(
    'Einsum',
    (b) => {
      const [i, j, k] = [b.draw(1, 4), b.draw(1, 4), b.draw(1, 4)];
      const dtype = b.pick(['f32', 'f64', 'i32', 'i64'] as const);
      const cases: readonly (readonly [string, readonly (readonly number[])[], readonly number[]])[] = [
        [
          'ij,jk->ik',
          [
            [i, j],
            [j, k],
          ],
          [i, k],
        ],
        [
          'ij,kj->ik',
          [
            [i, j],
            [k, j],
          ],
          [i, k],
        ],
        [
          'bij,bjk->bik',
          [
            [2, i, j],
            [2, j, k],
          ],
          [2, i, k],
        ],
        ['ij->ji', [[i, j]], [j, i]],
        ['ij->', [[i, j]], []],
        ['i,i', [[i], [i]], []],
        ['ii->i', [[i, i]], [i]],
        [
          '...ij,...jk->...ik',
          [
            [2, i, j],
            [2, j, k],
          ],
          [2, i, k],
        ],
        [
          'bhqd,bhkd->bhqk',
          [
            [1, 2, i, j],
            [1, 2, k, j],
          ],
          [1, 2, i, k],
        ],
      ];
      const [equation, shapes, shape] = b.pick(cases);
      const inputs = shapes.map((s) => b.operand({ dtypes: [dtype], shape: s, limit: 100 }));
      b.add('Einsum', inputs, [{ dtype, shape, exact: false, limit: 1e6 }], [string('equation', equation)]);
    },
    { since: 12 },
  ),
  step(
    'Det',
    (b) => {
      const n = b.draw(1, 3);
      const x = b.operand({ dtypes: ['f32', 'f64'], shape: [...(b.chance(50) ? [2] : []), n, n], limit: 20 });
      b.add('Det', [x], [like(x, { shape: x.shape.slice(0, -2), limit: 1e4 })]);
    },
    { since: 11 },
  ),
];

interface Window {
  readonly kernel: number[];
  readonly strides: number[];
  readonly pads: number[];
  readonly dilations: number[];
  readonly shape: number[];
}

/** A sliding window over the space of an image, and the space it gives. */
function sliding(b: Builder, space: readonly number[], dilate: boolean, padded = true): Window | undefined {
  const kernel = space.map((d) => b.draw(1, Math.min(3, d)));
  const strides = space.map(() => b.draw(1, 2));
  const dilations = space.map(() => (dilate && b.chance(20) ? 2 : 1));
  const pads = [...kernel, ...kernel].map((k) => (padded ? b.draw(0, k - 1) : 0));
  const shape = space.map(
    (d, i) =>
      Math.floor(
        (d + (pads[i] ?? 0) + (pads[i + space.length] ?? 0) - (dilations[i] ?? 1) * ((kernel[i] ?? 1) - 1) - 1) /
          (strides[i] ?? 1),
      ) + 1,
  );
  return shape.some((d) => d < 1) ? undefined : { kernel, strides, pads, dilations, shape };
}

const image = (b: Builder, dtypes: readonly (typeof WORKING)[number][] = WORKING, low = 3): Val =>
  b.operand({
    dtypes,
    rank: [low, 4],
    limit: 100,
    test: (v) => !v.shape.includes(0),
    fresh: () => [b.draw(1, 2), b.draw(1, 4), ...Array.from({ length: b.draw(low - 2, 2) }, () => b.draw(1, 6))],
  });

const convolutions: readonly Step[] = [
  step('Conv', (b) => {
    const x = image(b);
    const [n = 1, c = 1, ...space] = x.shape;
    const group = c % 2 === 0 && b.chance(40) ? (b.chance(50) ? c : 2) : 1;
    const out = group * b.draw(1, 3);
    const w = sliding(b, space, true);
    if (!w) return;
    const inputs = [x, b.source(x.dtype, [out, c / group, ...w.kernel], [-2, 2])];
    if (b.chance(50)) inputs.push(b.source(x.dtype, [out], [-2, 2]));
    b.add(
      'Conv',
      inputs,
      [like(x, { shape: [n, out, ...w.shape], limit: x.limit * 60 })],
      [
        int('group', group),
        ints('kernel_shape', w.kernel),
        ints('strides', w.strides),
        ints('pads', w.pads),
        ints('dilations', w.dilations),
      ],
    );
  }),
  step('ConvTranspose', (b) => {
    const x = image(b);
    const [n = 1, c = 1, ...space] = x.shape;
    const group = c % 2 === 0 && b.chance(30) ? 2 : 1;
    const each = b.draw(1, 3);
    const kernel = space.map(() => b.draw(1, 3));
    const strides = space.map(() => b.draw(1, 2));
    const pads = [...kernel, ...kernel].map((k) => b.draw(0, Math.min(1, k - 1)));
    const extra = strides.map((s) => b.draw(0, s - 1));
    const shape = space.map(
      (d, i) =>
        (d - 1) * (strides[i] ?? 1) +
        (kernel[i] ?? 1) +
        (extra[i] ?? 0) -
        (pads[i] ?? 0) -
        (pads[i + space.length] ?? 0),
    );
    if (shape.some((d) => d < 1)) return;
    const inputs = [x, b.source(x.dtype, [c, each, ...kernel], [-2, 2])];
    if (b.chance(50)) inputs.push(b.source(x.dtype, [each * group], [-2, 2]));
    b.add(
      'ConvTranspose',
      inputs,
      [like(x, { shape: [n, each * group, ...shape], limit: x.limit * 60 })],
      [
        int('group', group),
        ints('kernel_shape', kernel),
        ints('strides', strides),
        ints('pads', pads),
        ints('output_padding', extra),
      ],
    );
  }),
  step(
    'DeformConv',
    (b) => {
      const [c, h, w] = [b.draw(1, 2), b.draw(2, 4), b.draw(2, 4)];
      const x = b.source('f32', [1, c, h, w]);
      const offset = b.source('f32', [1, 8, h - 1, w - 1], [-1, 1]);
      b.add(
        'DeformConv',
        [x, b.source('f32', [2, c, 2, 2]), offset],
        [like(x, { shape: [1, 2, h - 1, w - 1], limit: 200 })],
        [ints('kernel_shape', [2, 2])],
      );
    },
    { since: 19 },
  ),
  step(
    'Col2Im',
    (b) => {
      const [n, c] = [b.draw(1, 2), b.draw(1, 2)];
      const x = b.operand({ dtypes: ['f32'], shape: [n, c * 4, 4], limit: 100 });
      b.add('Col2Im', [x, b.ints([3, 3]), b.ints([2, 2])], [like(x, { shape: [n, c, 3, 3], limit: x.limit * 4 })]);
    },
    { since: 18 },
  ),
];

const pools: readonly Step[] = [
  step('MaxPool', (b) => {
    const x = image(b);
    const w = sliding(b, x.shape.slice(2), b.opset >= 10, b.chance(50));
    if (!w) return;
    const shape = [...x.shape.slice(0, 2), ...w.shape];
    const outputs = [like(x, { shape, exact: x.exact })];
    const places = b.opset >= 8 && x.exact && b.chance(30);
    if (places) outputs.push({ dtype: 'i64', shape, exact: true, limit: 1e3 });
    b.add('MaxPool', [x], outputs, [
      ints('kernel_shape', w.kernel),
      ints('strides', w.strides),
      ints('pads', w.pads),
      ...(b.opset >= 10 ? [ints('dilations', w.dilations)] : []),
    ]);
  }),
  step('AveragePool', (b) => {
    const x = image(b);
    const w = sliding(b, x.shape.slice(2), b.opset >= 19, b.chance(50));
    if (!w) return;
    b.add(
      'AveragePool',
      [x],
      [like(x, { shape: [...x.shape.slice(0, 2), ...w.shape] })],
      [
        ints('kernel_shape', w.kernel),
        ints('strides', w.strides),
        ints('pads', w.pads),
        int('count_include_pad', b.draw(0, 1)),
        ...(b.opset >= 19 ? [ints('dilations', w.dilations)] : []),
      ],
    );
  }),
  step('LpPool', (b) => {
    const x = image(b);
    const w = sliding(b, x.shape.slice(2), false, b.chance(50));
    if (!w) return;
    b.add(
      'LpPool',
      [x],
      [like(x, { shape: [...x.shape.slice(0, 2), ...w.shape], limit: x.limit * 10 })],
      [ints('kernel_shape', w.kernel), ints('strides', w.strides), ints('pads', w.pads), int('p', b.draw(1, 2))],
    );
  }),
  step('MaxPool by auto_pad', (b) => {
    const x = image(b);
    const kernel = x.shape.slice(2).map((d) => b.draw(1, Math.min(3, d)));
    const strides = kernel.map(() => b.draw(1, 2));
    const op = b.pick(['MaxPool', 'AveragePool']);
    const shape = x.shape.slice(2).map((d, i) => Math.ceil(d / (strides[i] ?? 1)));
    b.add(
      op,
      [x],
      [like(x, { shape: [...x.shape.slice(0, 2), ...shape], exact: op === 'MaxPool' && x.exact })],
      [
        ints('kernel_shape', kernel),
        ints('strides', strides),
        string('auto_pad', b.pick(['SAME_UPPER', 'SAME_LOWER'])),
      ],
    );
  }),
  ...['GlobalMaxPool', 'GlobalAveragePool', 'GlobalLpPool'].map((name) =>
    step(name, (b) => {
      const x = image(b);
      b.add(
        name,
        [x],
        [
          like(x, {
            shape: x.shape.map((d, i) => (i < 2 ? d : 1)),
            exact: name === 'GlobalMaxPool' && x.exact,
            limit: x.limit * (name === 'GlobalLpPool' ? 10 : 1),
          }),
        ],
      );
    }),
  ),
  step(
    'MaxUnpool',
    (b) => {
      const x = b.source('f32', [1, b.draw(1, 2), 4, 4], [-4, 4], false);
      const shape = [1, x.shape[1] ?? 1, 2, 2];
      const [y, at] = b.add(
        'MaxPool',
        [x],
        [like(x, { shape, exact: true }), { dtype: 'i64', shape, exact: true, limit: 64 }],
        [ints('kernel_shape', [2, 2]), ints('strides', [2, 2])],
      );
      if (y && at)
        b.add(
          'MaxUnpool',
          [y, at],
          [like(x, { exact: true })],
          [ints('kernel_shape', [2, 2]), ints('strides', [2, 2])],
        );
    },
    { since: 11 },
  ),
  step(
    'RoiAlign',
    (b) => {
      const x = b.operand({ dtypes: ['f32'], shape: [1, 2, 4, 4], limit: 100 });
      const rois = b.given(pack('f32', [2, 4], [0, 0, 3, 2, 1, 0.5, 2.75, 3]), b.chance(50));
      b.add(
        'RoiAlign',
        [x, rois, b.ints([0, 0])],
        [like(x, { shape: [2, 2, 2, 2] })],
        [
          int('output_height', 2),
          int('output_width', 2),
          int('sampling_ratio', b.draw(0, 2)),
          string('mode', b.pick(['avg', 'max'])),
        ],
      );
    },
    { since: 10 },
  ),
];

const perChannel = (b: Builder, x: Val, range: readonly [number, number], axis = 1): Val =>
  b.source(x.dtype, [x.shape[axis] ?? 1], range);

const norms: readonly Step[] = [
  step('Softmax', (b) => {
    const x = b.operand({ dtypes: FLOATS, rank: [1, 4] });
    b.add(
      b.pick(['Softmax', 'LogSoftmax']),
      [x],
      [like(x, { limit: Math.max(1, 2 * x.limit) })],
      b.chance(80) ? [int('axis', axisOf(b, x).written)] : b.opset < 13 && x.shape.length < 2 ? [int('axis', 0)] : [],
    );
  }),
  step(
    'LayerNormalization',
    (b) => {
      const x = b.operand({
        dtypes: FLOATS,
        rank: [1, 4],
        limit: 100,
        test: (v) => !v.shape.includes(0),
        fresh: () => [b.draw(1, 3), b.draw(2, 5)],
      });
      const { axis, written } = axisOf(b, x);
      const inner = x.shape.slice(axis);
      const inputs = [x, b.source(x.dtype, inner)];
      if (b.chance(60)) inputs.push(b.source(x.dtype, inner));
      b.add('LayerNormalization', inputs, [like(x, { limit: 40 })], [int('axis', written), float('epsilon', 0.01)]);
    },
    { since: 17 },
  ),
  step(
    'RMSNormalization',
    (b) => {
      const x = b.operand({
        dtypes: FLOATS,
        rank: [1, 4],
        limit: 100,
        test: (v) => !v.shape.includes(0),
        fresh: () => [b.draw(1, 3), b.draw(2, 5)],
      });
      const { axis, written } = axisOf(b, x);
      b.add(
        'RMSNormalization',
        [x, b.source(x.dtype, x.shape.slice(axis))],
        [like(x, { limit: 40 })],
        [int('axis', written), float('epsilon', 0.01)],
      );
    },
    { since: 23 },
  ),
  step('BatchNormalization', (b) => {
    const x = b.operand({ dtypes: WORKING, rank: [2, 4], limit: 100 });
    const inputs = [
      x,
      perChannel(b, x, [-2, 2]),
      perChannel(b, x, [-2, 2]),
      perChannel(b, x, [-2, 2]),
      perChannel(b, x, [1, 3]),
    ];
    b.add('BatchNormalization', inputs, [like(x, { limit: x.limit * 3 })], [float('epsilon', 0.01)]);
  }),
  step('InstanceNormalization', (b) => {
    const x = image(b);
    b.add(
      'InstanceNormalization',
      [x, perChannel(b, x, [-2, 2]), perChannel(b, x, [-2, 2])],
      [like(x, { limit: 20 })],
      [float('epsilon', 0.01)],
    );
  }),
  step(
    'GroupNormalization',
    (b) => {
      const c = 2 * b.draw(1, 2);
      const x = b.operand({ dtypes: WORKING, shape: [b.draw(1, 2), c, b.draw(1, 4)], limit: 100 });
      const n = b.opset >= 21 ? c : 2;
      b.add(
        'GroupNormalization',
        [x, b.source(x.dtype, [n]), b.source(x.dtype, [n])],
        [like(x, { limit: 40 })],
        [int('num_groups', 2), float('epsilon', 0.01)],
      );
    },
    { since: 18 },
  ),
  step('LpNormalization', (b) => {
    const x = b.operand({ dtypes: ['f32', 'f64'], rank: [1, 3], range: [1, 4] });
    b.add('LpNormalization', [x], [like(x, { limit: 1 })], [int('axis', axisOf(b, x).written), int('p', b.draw(1, 2))]);
  }),
  step('MeanVarianceNormalization', (b) => {
    const x = b.operand({ dtypes: ['f32'], shape: [2, b.draw(1, 3), b.draw(2, 3), b.draw(2, 3)], limit: 100 });
    b.add('MeanVarianceNormalization', [x], [like(x, { limit: 10 })]);
  }),
  step('LRN', (b) => {
    const x = b.operand({ dtypes: ['f32'], rank: [3, 4], limit: 100 });
    b.add('LRN', [x], [like(x)], [int('size', b.pick([1, 3, 5])), float('alpha', 0.25), float('bias', 2)]);
  }),
];

const sampling: readonly Step[] = [
  step(
    'Resize',
    (b) => {
      const x = b.operand({
        dtypes: ['f32', 'f64', 'u8', 'i8', 'i32'],
        rank: [4, 4],
        limit: 100,
        exact: true,
        test: (v) => !v.shape.includes(0),
        fresh: () => [1, b.draw(1, 2), b.draw(1, 4), b.draw(1, 4)],
      });
      const mode = b.pick(x.dtype === 'f32' || x.dtype === 'f64' ? ['nearest', 'linear', 'cubic'] : ['nearest']);
      // Where nearest is exactly between two, engines differ by rounding: powers of two keep it exact.
      const factors = x.shape.map((_, i) => (i < 2 ? 1 : b.pick([0.5, 1, 2, 4])));
      const shape = x.shape.map((d, i) => Math.floor(d * (factors[i] ?? 1)));
      if (shape.includes(0)) return;
      const exact = x.shape.every((d, i) => d * (factors[i] ?? 1) === shape[i]);
      // Engines disagree on pytorch_half_pixel where the length was cut to one.
      const coordinates = b.pick([
        'half_pixel',
        'asymmetric',
        ...(mode === 'nearest' ? [] : ['align_corners', ...(exact ? ['pytorch_half_pixel'] : [])]),
      ]);
      const attributes = [
        string('mode', mode),
        string('coordinate_transformation_mode', coordinates),
        ...(mode === 'nearest'
          ? [string('nearest_mode', b.pick(['floor', 'ceil', 'round_prefer_floor', 'round_prefer_ceil']))]
          : []),
      ];
      if (exact && b.chance(50))
        b.add(
          'Resize',
          [x, '', '', b.ints(shape, false, 10)],
          [like(x, { shape, exact: mode === 'nearest' })],
          attributes,
        );
      else
        b.add(
          'Resize',
          [x, '', b.given(pack('f32', [4], factors), b.chance(90))],
          [like(x, { shape, exact: mode === 'nearest', limit: x.limit * 2 })],
          attributes,
        );
    },
    { since: 13 },
  ),
  step(
    'GridSample',
    (b) => {
      const x = b.operand({
        dtypes: ['f32'],
        shape: [b.draw(1, 2), b.draw(1, 2), b.draw(2, 4), b.draw(2, 4)],
        limit: 100,
      });
      const grid = b.source('f32', [x.shape[0] ?? 1, 2, 3, 2], [-1, 1]);
      const linear = b.opset >= 20 ? 'linear' : 'bilinear';
      b.add(
        'GridSample',
        [x, grid],
        [like(x, { shape: [x.shape[0] ?? 1, x.shape[1] ?? 1, 2, 3] })],
        [
          string('mode', b.pick([linear, b.opset >= 20 ? 'cubic' : 'bicubic'])),
          string('padding_mode', b.pick(['zeros', 'border', 'reflection'])),
          int('align_corners', b.draw(0, 1)),
        ],
      );
    },
    { since: 16 },
  ),
  step(
    'AffineGrid',
    (b) => {
      const theta = b.operand({ dtypes: ['f32', 'f64'], shape: [b.draw(1, 2), 2, 3], limit: 10 });
      const n = theta.shape[0] ?? 1;
      b.add(
        'AffineGrid',
        [theta, b.ints([n, 1, 2, 3])],
        [like(theta, { shape: [n, 2, 3, 2], limit: 30 })],
        [int('align_corners', b.draw(0, 1))],
      );
    },
    { since: 20 },
  ),
];

/** Recurrent layers over [time, batch, width]. */
const recurrent = (name: 'LSTM' | 'GRU' | 'RNN', gates: number): Step =>
  step(name, (b) => {
    const [time, batch, width, hidden] = [b.draw(1, 4), b.draw(1, 2), b.draw(1, 4), b.draw(1, 4)];
    const direction = b.pick(['forward', 'reverse', 'bidirectional']);
    const d = direction === 'bidirectional' ? 2 : 1;
    const dtype = b.pick(['f32', 'f32', 'f64', 'f16'] as const);
    const x = b.operand({ dtypes: [dtype], shape: [time, batch, width], limit: 10 });
    const w = b.source(dtype, [d, gates * hidden, width], [-1, 1]);
    const r = b.source(dtype, [d, gates * hidden, hidden], [-1, 1]);
    const bias = b.chance(60) ? b.source(dtype, [d, 2 * gates * hidden], [-1, 1]) : '';
    const lengths = b.chance(30)
      ? b.given(
          pack(
            'i32',
            [batch],
            Array.from({ length: batch }, () => b.draw(1, time)),
          ),
          b.chance(50),
        )
      : '';
    const state = b.chance(50) ? b.source(dtype, [d, batch, hidden], [-1, 1]) : '';
    const inputs: (Val | string)[] = [x, w, r, bias, lengths, state];
    if (name === 'LSTM' && b.chance(40))
      inputs.push(
        b.source(dtype, [d, batch, hidden], [-1, 1]),
        ...(b.chance(40) ? [b.source(dtype, [d, 3 * hidden], [-1, 1])] : []),
      );
    while (inputs[inputs.length - 1] === '') inputs.pop();
    const last = { dtype, shape: [d, batch, hidden], exact: false, limit: 4 };
    const attributes = [int('hidden_size', hidden), string('direction', direction)];
    if (name === 'GRU') attributes.push(int('linear_before_reset', b.draw(0, 1)));
    b.add(
      name,
      inputs,
      [{ ...last, shape: [time, d, batch, hidden] }, last, ...(name === 'LSTM' ? [last] : [])],
      attributes,
    );
  });

const signals: readonly Step[] = [
  step(
    'DFT',
    (b) => {
      const n = b.draw(1, 6);
      const complex = b.chance(40);
      const x = b.operand({ dtypes: ['f32', 'f64'], shape: [b.draw(1, 2), n, complex ? 2 : 1], limit: 100 });
      const inverse = complex ? b.draw(0, 1) : 0;
      const onesided = complex ? 0 : b.draw(0, 1);
      const length = onesided ? Math.floor(n / 2) + 1 : n;
      const out = like(x, { shape: [x.shape[0] ?? 1, length, 2], limit: x.limit * 8 });
      const attributes = [int('inverse', inverse), int('onesided', onesided)];
      if (b.opset >= 20) b.add('DFT', [x, '', b.ints([1], true)], [out], attributes);
      else b.add('DFT', [x], [out], [...attributes, int('axis', 1)]);
    },
    { since: 17 },
  ),
  step(
    'STFT',
    (b) => {
      const x = b.operand({ dtypes: ['f32'], shape: [b.draw(1, 2), 16], limit: 100 });
      const window = b.source('f32', [8], [0, 1]);
      b.add(
        'STFT',
        [x, b.ints([4], true), window],
        [like(x, { shape: [x.shape[0] ?? 1, 3, 5, 2], limit: x.limit * 8 })],
      );
    },
    { since: 17 },
  ),
  ...['HannWindow', 'HammingWindow', 'BlackmanWindow'].map((name) =>
    step(
      name,
      (b) => {
        const n = b.draw(2, 9);
        b.add(
          name,
          [b.ints([n], true, 20)],
          [{ dtype: 'f32', shape: [n], exact: false, limit: 1 }],
          [int('periodic', b.draw(0, 1))],
        );
      },
      { since: 17 },
    ),
  ),
  step(
    'MelWeightMatrix',
    (b) => {
      const one = (v: number) => b.given(pack('i64', [], [v]), true);
      const f = (v: number) => b.given(pack('f32', [], [v]), true);
      b.add(
        'MelWeightMatrix',
        [one(4), one(16), one(8192), f(0), f(4096)],
        [{ dtype: 'f32', shape: [9, 4], exact: false, limit: 1 }],
      );
    },
    { since: 17 },
  ),
];

const losses: readonly Step[] = [
  step(
    'SoftmaxCrossEntropyLoss',
    (b) => {
      const [n, c] = [b.draw(1, 3), b.draw(2, 4)];
      const x = b.operand({ dtypes: ['f32', 'f64'], shape: [n, c], limit: 100 });
      const labels = b.given(
        pack(
          'i64',
          [n],
          Array.from({ length: n }, () => b.draw(0, c - 1)),
        ),
        b.chance(50),
      );
      const reduction = b.pick(['mean', 'sum', 'none']);
      const inputs = b.chance(50) ? [x, labels, b.source(x.dtype, [c], [1, 3])] : [x, labels];
      b.add(
        b.pick(['SoftmaxCrossEntropyLoss', 'NegativeLogLikelihoodLoss']),
        inputs,
        [like(x, { shape: reduction === 'none' ? [n] : [], limit: x.limit * 12 })],
        [string('reduction', reduction)],
      );
    },
    { since: 13 },
  ),
];

const attention: readonly Step[] = [
  step(
    'Attention',
    (b) => {
      const [n, kv, group, q, s, d] = [
        b.draw(1, 2),
        b.draw(1, 2),
        b.draw(1, 2),
        b.draw(1, 3),
        b.draw(1, 4),
        2 * b.draw(1, 2),
      ];
      const query = b.operand({ dtypes: ['f32', 'f16'], shape: [n, kv * group, q, d], limit: 8 });
      const [key, value] = [
        b.operand({ dtypes: [query.dtype], shape: [n, kv, s, d], limit: 8 }),
        b.operand({ dtypes: [query.dtype], shape: [n, kv, s, d], limit: 8 }),
      ];
      const mask = b.chance(40) ? [b.source(query.dtype, [q, s])] : [];
      b.add(
        'Attention',
        [query, key, value, ...mask],
        [like(query)],
        [int('is_causal', mask.length === 0 && q <= s ? b.draw(0, 1) : 0)],
      );
    },
    { since: 23 },
  ),
  step(
    'RotaryEmbedding',
    (b) => {
      const [n, h, s, d] = [b.draw(1, 2), b.draw(1, 2), b.draw(1, 3), 4];
      const x = b.operand({ dtypes: ['f32', 'f16'], shape: [n, h, s, d], limit: 100 });
      const table = (): Val => b.source(x.dtype, [6, 2], [-1, 1]);
      const at = b.given(
        pack(
          'i64',
          [n, s],
          Array.from({ length: n * s }, () => b.draw(0, 5)),
        ),
        b.chance(50),
      );
      b.add(
        'RotaryEmbedding',
        [x, table(), table(), at],
        [like(x, { limit: x.limit * 2 })],
        [int('interleaved', b.draw(0, 1))],
      );
    },
    { since: 23 },
  ),
];

export const layers: readonly Step[] = [
  ...matrices,
  ...convolutions,
  ...pools,
  ...norms,
  ...sampling,
  recurrent('LSTM', 4),
  recurrent('GRU', 3),
  recurrent('RNN', 1),
  ...signals,
  ...losses,
  ...attention,
];
