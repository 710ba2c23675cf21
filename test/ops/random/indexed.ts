import type { DType } from '../../../compiler/ir/dtype.ts';
import { attribute } from '../../import/build-onnx.ts';
import {
  axisOf,
  type Builder,
  FLOATS,
  like,
  NUMBERS,
  PLAIN,
  pack,
  type Step,
  size,
  step,
  type Val,
} from './builder.ts';
import { any, moved, shuffled, withAxis } from './operands.ts';
import { notEmpty, solid } from './shapes.ts';

const { int, ints, string } = attribute;

/** Indices into an axis of length d, some counted from the end. */
const indices = (
  b: Builder,
  d: number,
  shape: readonly number[],
  dtype: DType = b.pick(['i64', 'i32'] as const),
): Val =>
  b.given(
    pack(
      dtype,
      shape,
      Array.from({ length: size(shape) }, () => b.draw(-d, d - 1)),
    ),
    b.chance(50),
    d,
  );

export const indexed: readonly Step[] = [
  step('Gather', (b) => {
    const x = any(b, 1, notEmpty);
    if (x.shape.length === 0 || x.shape.includes(0)) return;
    const { axis, written } = axisOf(b, x);
    // onnxruntime loses strings here.
    if (x.dtype === 'string') b.model.apart = true;
    const at = indices(b, x.shape[axis] ?? 1, b.shape(0, 2));
    b.add(
      'Gather',
      [x, at],
      [moved(x, [...x.shape.slice(0, axis), ...at.shape, ...x.shape.slice(axis + 1)])],
      [int('axis', written)],
    );
  }),
  step(
    'GatherElements',
    (b) => {
      const x = b.operand({ dtypes: PLAIN, rank: [1, 3], test: notEmpty, fresh: solid });
      const { axis, written } = axisOf(b, x);
      const shape = x.shape.map((d, i) => (i === axis ? b.draw(1, 4) : b.draw(1, d)));
      b.add('GatherElements', [x, indices(b, x.shape[axis] ?? 1, shape)], [moved(x, shape)], [int('axis', written)]);
    },
    { since: 11 },
  ),
  step(
    'GatherND',
    (b) => {
      const x = b.operand({ dtypes: PLAIN, rank: [1, 3], test: notEmpty, fresh: solid });
      const batch = b.opset >= 12 && x.shape.length > 1 && b.chance(30) ? 1 : 0;
      const depth = b.draw(1, x.shape.length - batch);
      const outer = [...x.shape.slice(0, batch), ...b.shape(0, 2).map((d) => Math.max(1, d))];
      const rows = Array.from({ length: size(outer) }, () =>
        x.shape.slice(batch, batch + depth).map((d) => b.draw(-d, d - 1)),
      );
      const at = b.given(pack('i64', [...outer, depth], rows.flat()), b.chance(50));
      b.add(
        'GatherND',
        [x, at],
        [moved(x, [...outer, ...x.shape.slice(batch + depth)])],
        batch ? [int('batch_dims', batch)] : [],
      );
    },
    { since: 11 },
  ),
  step(
    'ScatterElements',
    (b) => {
      const x = b.operand({ dtypes: NUMBERS, rank: [1, 3], test: notEmpty, fresh: solid, limit: 1e3 });
      const { axis, written } = axisOf(b, x);
      const reduction = b.opset >= 18 ? b.pick(['none', 'add', 'mul', 'max', 'min']) : 'none';
      const d = x.shape[axis] ?? 1;
      const shape = x.shape.map((n, i) => (i === axis ? b.draw(1, d) : b.draw(1, n)));
      // Without a reduction each place is written once.
      const order = shuffled(b, d);
      const inner = size(shape.slice(axis + 1));
      const codes = Array.from({ length: size(shape) }, (_, i) =>
        reduction === 'none' ? (order[Math.floor(i / inner) % (shape[axis] ?? 1)] ?? 0) : b.draw(-d, d - 1),
      );
      const at = b.given(pack('i64', shape, codes), b.chance(50));
      const updates = b.source(x.dtype, shape);
      b.add(
        'ScatterElements',
        [x, at, updates],
        [
          like(x, {
            exact: reduction !== 'add' && reduction !== 'mul' ? x.exact : !FLOATS.includes(x.dtype),
            limit: x.limit * 64,
          }),
        ],
        [int('axis', written), ...(b.opset >= 16 ? [string('reduction', reduction)] : [])],
      );
    },
    { since: 11 },
  ),
  step(
    'ScatterND',
    (b) => {
      const x = b.operand({ dtypes: NUMBERS, rank: [1, 3], test: notEmpty, fresh: solid, limit: 1e3 });
      const reduction = b.opset >= 18 ? b.pick(['none', 'add', 'mul', 'max', 'min']) : 'none';
      const first = x.shape[0] ?? 1;
      const count = b.draw(1, first);
      const at = b.given(pack('i64', [count, 1], shuffled(b, first).slice(0, count)), b.chance(50));
      const updates = b.source(x.dtype, [count, ...x.shape.slice(1)]);
      b.add(
        'ScatterND',
        [x, at, updates],
        [
          like(x, {
            exact: reduction !== 'add' && reduction !== 'mul' ? x.exact : !FLOATS.includes(x.dtype),
            limit: x.limit * 8,
          }),
        ],
        b.opset >= 16 ? [string('reduction', reduction)] : [],
      );
    },
    { since: 11 },
  ),
  step('OneHot', (b) => {
    const depth = b.draw(2, 5);
    const at = indices(b, depth, b.shape(0, 2), b.pick(['i64', 'i32', 'f32', 'u8'] as const));
    const values = b.source(b.pick(['f32', 'i64', 'i32', 'u8', 'f64'] as const), [2]);
    const axis = b.draw(0, at.shape.length);
    const shape = [...at.shape.slice(0, axis), depth, ...at.shape.slice(axis)];
    b.add(
      'OneHot',
      [at, b.ints([depth], true, 10), values],
      [like(values, { shape, exact: true })],
      [int('axis', b.chance(30) ? axis - shape.length : axis)],
    );
  }),
  step('ReverseSequence', (b) => {
    const x = b.operand({
      dtypes: PLAIN,
      rank: [2, 4],
      test: notEmpty,
      fresh: () => [b.draw(1, 4), b.draw(1, 4), b.draw(1, 3)],
    });
    const [time, batch] = b.chance(50) ? [0, 1] : [1, 0];
    const lengths = Array.from({ length: x.shape[batch] ?? 1 }, () => b.draw(1, x.shape[time] ?? 1));
    b.add(
      'ReverseSequence',
      [x, b.ints(lengths, false, 40)],
      [moved(x, x.shape)],
      [int('time_axis', time), int('batch_axis', batch)],
    );
  }),
  step('Compress', (b) => {
    const x = any(b, 1, notEmpty);
    if (x.shape.length === 0) return;
    const flat = b.chance(30);
    const { axis, written } = axisOf(b, x);
    const n = flat ? size(x.shape) : (x.shape[axis] ?? 1);
    const keep = Array.from({ length: b.draw(0, n) }, () => b.draw(0, 1));
    const count = keep.filter((k) => k === 1).length;
    const condition = b.given(pack('bool', [keep.length], keep), b.chance(40));
    b.add(
      'Compress',
      [x, condition],
      [moved(x, flat ? [count] : withAxis(x.shape, axis, count))],
      flat ? [] : [int('axis', written)],
    );
  }),
  step(
    'TensorScatter',
    (b) => {
      const [batch, length, width, count] = [b.draw(1, 2), b.draw(3, 5), b.draw(1, 3), b.draw(1, 3)];
      const dtype = b.pick(['f32', 'f16', 'i32', 'u8'] as const);
      const [past, update] = [b.source(dtype, [batch, length, width]), b.source(dtype, [batch, count, width])];
      const circular = b.chance(40);
      const starts = Array.from({ length: batch }, () => b.draw(0, circular ? length - 1 : length - count));
      b.add(
        'TensorScatter',
        [past, update, b.ints(starts, false, 50)],
        [like(past, { exact: true })],
        [string('mode', circular ? 'circular' : 'linear'), int('axis', -2)],
      );
    },
    { since: 24 },
  ),
];

export const ordered: readonly Step[] = [
  step(
    'TopK',
    (b) => {
      const x = b.operand({
        dtypes: ['f32', 'f64', 'f16', 'i32', 'i64', 'u8', 'i8', 'u64'],
        rank: [1, 3],
        exact: true,
        test: notEmpty,
        fresh: solid,
      });
      const { axis, written } = axisOf(b, x);
      const k = b.draw(1, x.shape[axis] ?? 1);
      const shape = withAxis(x.shape, axis, k);
      const largest = b.draw(0, 1);
      b.add(
        'TopK',
        [x, b.ints([k], false, 15)],
        [moved(x, shape), { dtype: 'i64', shape, exact: true, limit: 8 }],
        [int('axis', written), ...(b.opset >= 11 ? [int('largest', largest)] : [])],
      );
    },
    { since: 10 },
  ),
  ...['ArgMax', 'ArgMin'].map((name) =>
    step(name, (b) => {
      const x = b.operand({ dtypes: NUMBERS, rank: [1, 4], exact: true, test: notEmpty, fresh: solid });
      const { axis, written } = axisOf(b, x);
      const keep = b.draw(0, 1);
      const shape = x.shape.flatMap((d, i) => (i === axis ? (keep ? [1] : []) : [d]));
      b.add(
        name,
        [x],
        [{ dtype: 'i64', shape, exact: true, limit: 8 }],
        [
          int('axis', written),
          int('keepdims', keep),
          ...(b.opset >= 12 ? [int('select_last_index', b.draw(0, 1))] : []),
        ],
      );
    }),
  ),
  step('Hardmax', (b) => {
    const x = b.operand({ dtypes: ['f32', 'f64', 'f16'], rank: [1, 4], exact: true });
    b.add(
      'Hardmax',
      [x],
      [like(x, { exact: true, limit: 1 })],
      [int('axis', b.opset >= 13 ? axisOf(b, x).written : b.draw(0, x.shape.length - 1))],
    );
  }),
  step('NonZero', (b) => {
    const x = b.operand({ dtypes: PLAIN, rank: [1, 3], exact: true });
    const found = b.raw('NonZero', [x], 1);
    // How many there are only the run knows; what leaves here has a known shape again.
    const wide = b.raw('Cast', found, 1, [int('to', 1)]);
    const out = { dtype: 'f32' as const, shape: [x.shape.length, 1], exact: true, limit: 99 };
    if (b.opset >= 13) b.add('ReduceSum', [...wide, b.ints([1])], [out]);
    else b.add('ReduceSum', wide, [out], [ints('axes', [1])]);
  }),
  step(
    'Unique',
    (b) => {
      const x = b.operand({
        dtypes: ['f32', 'f64', 'i64', 'i8', 'i32', 'u8'],
        rank: [1, 2],
        exact: true,
        test: notEmpty,
        fresh: solid,
      });
      const [, , inverse] = b.raw('Unique', [x], 4, [int('sorted', b.draw(0, 1))]);
      if (inverse)
        b.add('Add', [inverse, b.ints([1])], [{ dtype: 'i64', shape: [size(x.shape)], exact: true, limit: 99 }]);
    },
    { since: 11 },
  ),
];
