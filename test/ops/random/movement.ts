import { onnxOfDtype } from '../../../compiler/import/onnx-type.ts';
import type { DType } from '../../../compiler/ir/dtype.ts';
import { attribute } from '../../import/build-onnx.ts';
import {
  axisOf,
  type Builder,
  broadcast,
  FLOATS,
  like,
  NUMBERS,
  PLAIN,
  pack,
  type Step,
  size,
  type Val,
} from './builder.ts';
import { notEmpty, solid } from './shapes.ts';

const { int, ints, string, tensor } = attribute;

const any = (b: Builder, low = 0, test: (v: Val) => boolean = () => true): Val =>
  b.operand({ dtypes: b.chance(6) ? ['string'] : PLAIN, rank: [low, 4], test });

/** Same elements, other places. */
const moved = (x: Val, shape: readonly number[]) => like(x, { shape, exact: x.exact });

const step = (name: string, apply: (b: Builder) => void, more: Partial<Step> = {}): Step => ({ name, apply, ...more });

/** One axis of some length, to work along. */
const along = (
  name: string,
  apply: (b: Builder, x: Val, axis: number, written: number) => void,
  more: Partial<Step> = {},
): Step =>
  step(
    name,
    (b) => {
      const x = any(b, 1);
      if (x.shape.length === 0) return;
      const { axis, written } = axisOf(b, x);
      apply(b, x, axis, written);
    },
    more,
  );

const withAxis = (shape: readonly number[], axis: number, length: number): number[] =>
  shape.map((d, i) => (i === axis ? length : d));

function shuffled(b: Builder, n: number): number[] {
  const list = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = b.draw(0, i);
    [list[i], list[j]] = [list[j] ?? 0, list[i] ?? 0];
  }
  return list;
}

/** A shape with as many elements. */
function reshaped(b: Builder, total: number): number[] {
  if (total === 0) return [0, b.draw(0, 3)];
  let rest = total;
  const shape: number[] = [];
  while (rest > 1 && shape.length < 4) {
    const left = rest;
    const divisors = Array.from({ length: left }, (_, i) => i + 1).filter((d) => left % d === 0);
    const d = shape.length === 3 ? rest : b.pick(divisors);
    shape.push(d);
    rest /= d;
  }
  return shape;
}

const shapes: readonly Step[] = [
  step('Transpose', (b) => {
    const x = any(b);
    const perm = shuffled(b, x.shape.length);
    if (b.chance(20)) b.add('Transpose', [x], [moved(x, [...x.shape].reverse())]);
    else
      b.add(
        'Transpose',
        [x],
        [
          moved(
            x,
            perm.map((p) => x.shape[p] ?? 1),
          ),
        ],
        [ints('perm', perm)],
      );
  }),
  step('Reshape', (b) => {
    const x = any(b, 0, (v) => b.opset >= 14 || notEmpty(v));
    if (b.opset < 14 && x.shape.includes(0)) return;
    const shape = reshaped(b, size(x.shape));
    const open = shape.length > 0 && size(x.shape) > 0 && b.chance(30) ? b.draw(0, shape.length - 1) : -1;
    const written = shape.map((d, i) => (i === open ? -1 : d));
    b.add(
      'Reshape',
      [x, b.ints(written, false, 10)],
      [moved(x, shape)],
      size(x.shape) === 0 && b.opset >= 14 ? [int('allowzero', 1)] : [],
    );
  }),
  along('Flatten', (b, x, axis, written) => {
    b.add(
      'Flatten',
      [x],
      [moved(x, [size(x.shape.slice(0, axis)), size(x.shape.slice(axis))])],
      [int('axis', written)],
    );
  }),
  step('Squeeze', (b) => {
    const x = any(b, 1, (v) => v.shape.includes(1));
    const axes = x.shape.flatMap((d, i) => (d === 1 && b.chance(60) ? [i] : []));
    if (axes.length === 0) {
      if (b.opset >= 13)
        b.add(
          'Squeeze',
          [x],
          [
            moved(
              x,
              x.shape.filter((d) => d !== 1),
            ),
          ],
        );
      return;
    }
    const out = moved(
      x,
      x.shape.filter((_, i) => !axes.includes(i)),
    );
    if (b.opset >= 13) b.add('Squeeze', [x, b.ints(axes, false, 10)], [out]);
    else b.add('Squeeze', [x], [out], [ints('axes', axes)]);
  }),
  step('Unsqueeze', (b) => {
    const x = any(b, 0, (v) => v.shape.length < 4);
    if (x.shape.length > 3) return;
    const at = b.draw(0, x.shape.length);
    const out = moved(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
    const written = b.chance(30) ? at - x.shape.length - 1 : at;
    if (b.opset >= 13) b.add('Unsqueeze', [x, b.ints([written], false, 10)], [out]);
    else b.add('Unsqueeze', [x], [out], [ints('axes', [written])]);
  }),
  step('Expand', (b) => {
    const x = any(b, 0, (v) => size(v.shape) < 100);
    const shape = [
      ...(b.chance(30) ? [2] : []),
      ...x.shape.map((d) => (d === 1 ? b.draw(1, 3) : b.chance(20) ? 1 : d)),
    ];
    b.add('Expand', [x, b.ints(shape, false, 15)], [moved(x, broadcast(x.shape, shape) ?? [])]);
  }),
  step('Tile', (b) => {
    const x = any(b, 1, (v) => size(v.shape) < 60);
    if (x.shape.length === 0 || size(x.shape) > 100) return;
    const repeats = x.shape.map(() => (b.chance(5) ? 0 : b.draw(1, 2)));
    b.add(
      'Tile',
      [x, b.ints(repeats, false, 15)],
      [
        moved(
          x,
          x.shape.map((d, i) => d * (repeats[i] ?? 1)),
        ),
      ],
    );
  }),
  step('Shape', (b) => {
    const x = any(b);
    const clipped = b.opset >= 15 && b.chance(40) && x.shape.length > 0;
    const start = clipped ? b.draw(-x.shape.length, x.shape.length - 1) : 0;
    const length = x.shape.slice(start).length;
    b.add(
      'Shape',
      [x],
      [{ dtype: 'i64', shape: [length], exact: true, limit: 8 }],
      clipped ? [int('start', start)] : [],
    );
  }),
  step('Size', (b) => {
    const x = any(b);
    b.add('Size', [x], [{ dtype: 'i64', shape: [], exact: true, limit: size(x.shape) }]);
  }),
  step('Constant', (b) => {
    const dtype = b.pick(PLAIN);
    const shape = b.shape(0, 3);
    const bytes = pack(dtype, shape, b.numbers(dtype, size(shape))).data as Uint8Array;
    const value = tensor('value', {
      dims: shape,
      dataType: onnxOfDtype(dtype),
      rawData: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    });
    b.add('Constant', [], [{ dtype, shape, exact: true, limit: 4 }], [value]);
  }),
  step('ConstantOfShape', (b) => {
    const dtype = b.pick(PLAIN);
    const shape = b.shape(0, 3);
    const bytes = pack(dtype, [1], b.numbers(dtype, 1)).data as Uint8Array;
    const value = tensor('value', {
      dims: [1],
      dataType: onnxOfDtype(dtype),
      rawData: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    });
    b.add('ConstantOfShape', [b.ints(shape, false, 20)], [{ dtype, shape, exact: true, limit: 4 }], [value]);
  }),
  step('EyeLike', (b) => {
    const x = b.operand({ dtypes: [...NUMBERS, 'bool'], rank: [2, 2] });
    b.add('EyeLike', [x], [like(x, { exact: true, limit: 1 })], [int('k', b.draw(-2, 2))]);
  }),
  step('Range', (b) => {
    const dtype = b.pick(['f32', 'f64', 'i16', 'i32', 'i64'] as const);
    const [start, delta, count] = [b.draw(-3, 3), b.pick([-2, -1, 1, 2]), b.draw(0, 6)];
    const dynamic = b.chance(30);
    const one = (v: number): Val => b.given(pack(dtype, [], [v]), !dynamic);
    b.add(
      'Range',
      [one(start), one(start + delta * count), one(delta)],
      [{ dtype, shape: [count], exact: true, limit: 16 }],
    );
  }),
];

const cuts: readonly Step[] = [
  step('Concat', (b) => {
    const x = any(b, 1);
    if (x.shape.length === 0) return;
    const { axis, written } = axisOf(b, x);
    const others = Array.from({ length: b.draw(0, 2) }, () =>
      b.operand({
        dtypes: [x.dtype],
        rank: [x.shape.length, x.shape.length],
        test: (v) => v.shape.every((d, i) => i === axis || d === x.shape[i]),
        fresh: () => withAxis(x.shape, axis, b.draw(0, 4)),
      }),
    );
    const all = [x, ...others];
    const length = all.reduce((n, v) => n + (v.shape[axis] ?? 0), 0);
    b.add(
      'Concat',
      all,
      [
        like(x, {
          shape: withAxis(x.shape, axis, length),
          exact: all.every((v) => v.exact),
          limit: Math.max(...all.map((v) => v.limit)),
        }),
      ],
      [int('axis', written)],
    );
  }),
  step('Slice', (b) => {
    const x = any(b, 1);
    const axes = x.shape.flatMap((_, i) => (b.chance(60) ? [i] : []));
    if (axes.length === 0) return;
    const shape = [...x.shape];
    const parts = axes.map((axis) => {
      const d = x.shape[axis] ?? 1;
      const step = b.pick([1, 1, 1, 2, -1, -2]);
      const start = b.draw(-d - 1, d + 1);
      const end = b.draw(-d - 1, d + 1);
      const clamp = (v: number, low: number, high: number): number => Math.max(low, Math.min(high, v < 0 ? v + d : v));
      const [low, high] = step > 0 ? [0, d] : [-1, d - 1];
      const [from, to] = [clamp(start, step > 0 ? 0 : 0, high), clamp(end, low, high)];
      shape[axis] = Math.max(0, Math.ceil((to - Math.max(from, step > 0 ? 0 : Math.min(0, high))) / step));
      return { start, end, step };
    });
    const dynamic = b.chance(15) ? 100 : 0;
    const list = (key: 'start' | 'end' | 'step') => parts.map((p) => p[key]);
    b.add(
      'Slice',
      [
        x,
        b.ints(list('start'), false, dynamic),
        b.ints(list('end'), false, dynamic),
        b.ints(axes),
        b.ints(list('step')),
      ],
      [moved(x, shape)],
    );
  }),
  along('Split', (b, x, axis, written) => {
    const d = x.shape[axis] ?? 1;
    const first = b.draw(0, d);
    const even = b.opset >= 18 && d >= 2 && b.chance(40);
    const part = Math.ceil(d / 2);
    const parts = even ? [part, d - part] : [first, d - first];
    const outputs = parts.map((n) => moved(x, withAxis(x.shape, axis, n)));
    if (even) b.add('Split', [x], outputs, [int('axis', written), int('num_outputs', 2)]);
    else if (b.opset >= 13) b.add('Split', [x, b.ints(parts, false, 10)], outputs, [int('axis', written)]);
    else b.add('Split', [x], outputs, [int('axis', written), ints('split', parts)]);
  }),
  step('Pad', (b) => {
    const x = b.operand({ dtypes: b.opset >= 13 ? PLAIN : NUMBERS, rank: [1, 4], test: (v) => size(v.shape) < 200 });
    const mode = b.pick(['constant', 'constant', 'edge', 'reflect', ...(b.opset >= 19 ? ['wrap'] : [])]);
    const most = (d: number): number =>
      mode === 'constant' || mode === 'edge' ? 2 : mode === 'wrap' ? Math.min(2, d) : Math.min(2, d - 1);
    if (mode !== 'constant' && x.shape.includes(0)) return;
    const begins = x.shape.map((d) => (mode === 'constant' && d > 1 && b.chance(15) ? -1 : b.draw(0, most(d))));
    const ends = x.shape.map((d) => b.draw(0, most(d)));
    const shape = x.shape.map((d, i) => d + (begins[i] ?? 0) + (ends[i] ?? 0));
    const inputs: (Val | string)[] = [x, b.ints([...begins, ...ends], false, 10)];
    if (mode === 'constant' && b.chance(50)) inputs.push(b.source(x.dtype, []));
    b.add('Pad', inputs, [moved(x, shape)], [string('mode', mode)]);
  }),
  step('DepthToSpace', (b) => {
    const block = b.draw(1, 2);
    const x = b.operand({
      dtypes: NUMBERS,
      rank: [4, 4],
      test: (v) => (v.shape[1] ?? 0) % (block * block) === 0,
      fresh: () => [b.draw(1, 2), block * block * b.draw(1, 2), b.draw(1, 3), b.draw(1, 3)],
    });
    const [n = 1, c = 1, h = 1, w = 1] = x.shape;
    b.add(
      'DepthToSpace',
      [x],
      [moved(x, [n, c / (block * block), h * block, w * block])],
      [int('blocksize', block), ...(b.opset >= 11 ? [string('mode', b.pick(['DCR', 'CRD']))] : [])],
    );
  }),
  step('SpaceToDepth', (b) => {
    const x = b.operand({
      dtypes: NUMBERS,
      rank: [4, 4],
      test: (v) => (v.shape[2] ?? 1) % 2 === 0 && (v.shape[3] ?? 1) % 2 === 0,
      fresh: () => [1, b.draw(1, 2), 2 * b.draw(1, 2), 2 * b.draw(1, 2)],
    });
    const [n = 1, c = 1, h = 1, w = 1] = x.shape;
    b.add('SpaceToDepth', [x], [moved(x, [n, 4 * c, h / 2, w / 2])], [int('blocksize', 2)]);
  }),
  step(
    'Trilu',
    (b) => {
      const x = b.operand({ dtypes: PLAIN, rank: [2, 4] });
      const inputs: (Val | string)[] = b.chance(50) ? [x, b.ints([b.draw(-2, 2)], true, 30)] : [x];
      b.add('Trilu', inputs, [moved(x, x.shape)], [int('upper', b.draw(0, 1))]);
    },
    { since: 14 },
  ),
  step(
    'CenterCropPad',
    (b) => {
      const x = b.operand({ dtypes: NUMBERS, rank: [1, 3] });
      const { axis, written } = axisOf(b, x);
      const n = b.draw(1, 6);
      b.add(
        'CenterCropPad',
        [x, b.ints([n], false, 10)],
        [moved(x, withAxis(x.shape, axis, n))],
        [ints('axes', [written])],
      );
    },
    { since: 18 },
  ),
];

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

const indexed: readonly Step[] = [
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

const ordered: readonly Step[] = [
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

/** Sums and products along an axis. */
const running: readonly Step[] = [
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

const reductions: readonly Step[] = [
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

export const movement: readonly Step[] = [...shapes, ...cuts, ...indexed, ...ordered, ...running, ...reductions];
