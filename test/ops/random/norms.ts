import { attribute } from '../../import/build-onnx.ts';
import { axisOf, type Builder, FLOATS, like, pack, type Step, step, type Val } from './builder.ts';
import { image, WORKING } from './shapes.ts';

const { int, float, string } = attribute;

const perChannel = (b: Builder, x: Val, range: readonly [number, number], axis = 1): Val =>
  b.source(x.dtype, [x.shape[axis] ?? 1], range);

export const norms: readonly Step[] = [
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

export const losses: readonly Step[] = [
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
