import { attribute } from '../../import/build-onnx.ts';
import { like, pack, type Step, step, type Val } from './builder.ts';

const { int, string } = attribute;

export const sampling: readonly Step[] = [
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
const recurrence = (name: 'LSTM' | 'GRU' | 'RNN', gates: number): Step =>
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

export const recurrent: readonly Step[] = [recurrence('LSTM', 4), recurrence('GRU', 3), recurrence('RNN', 1)];

export const signals: readonly Step[] = [
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
