import { onnxOfDtype } from '../../../compiler/import/onnx-type.ts';
import { attribute } from '../../import/build-onnx.ts';
import {
  axisOf,
  type Builder,
  broadcast,
  like,
  NUMBERS,
  PLAIN,
  pack,
  type Step,
  size,
  step,
  type Val,
} from './builder.ts';
import { indexed, ordered } from './indexed.ts';
import { along, any, moved, shuffled, withAxis } from './operands.ts';
import { reductions, running } from './reductions.ts';
import { notEmpty } from './shapes.ts';

const { int, ints, string, tensor } = attribute;

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

export const movement: readonly Step[] = [...shapes, ...cuts, ...indexed, ...ordered, ...running, ...reductions];
