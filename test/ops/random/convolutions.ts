import { attribute } from '../../import/build-onnx.ts';
import { type Builder, like, pack, type Step, step } from './builder.ts';
import { image } from './shapes.ts';

const { int, ints, string } = attribute;

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

export const convolutions: readonly Step[] = [
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

export const pools: readonly Step[] = [
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
