import type { Dim } from '../ir/dim.ts';
import * as D from '../ir/dim.ts';
import { computeType } from '../ir/dtype.ts';
import { constant, type Expr } from '../ir/expr.ts';
import type { TensorType } from '../ir/graph.ts';
import { defineOp, type InferContext, type OpDef } from '../ir/op.ts';
import {
  broadcastCoords,
  broadcastDim,
  dimsAttr,
  formatShape,
  inputType,
  numberAttr,
  numbersAttr,
  only,
  stringAttr,
  withCoord,
} from './shapes.ts';

const dense = (dtype: TensorType['dtype'], shape: readonly Dim[]): TensorType => ({ dtype, shape, format: 'dense' });

/** Same elements in row-major order under `shape`. */
const reshape = defineOp({
  name: 'reshape',
  partwise: true,
  view: true,
  infer: (c) => {
    const x = inputType(c, 0);
    const shape = dimsAttr(c.attrs, 'shape');
    if (D.equals(D.product(x.shape), D.product(shape)) === false)
      c.fail(
        `${formatShape(x.shape)} has ${D.formatDim(D.product(x.shape))} elements, ${formatShape(shape)} has ${D.formatDim(D.product(shape))}`,
        'Give a shape with the same number of elements',
      );
    return dense(x.dtype, shape);
  },
  element: (c) => {
    const shape = only(c.outputs).shape;
    return (coords) => {
      let position: Dim = 0;
      shape.forEach((n, i) => {
        position = D.add(D.mul(position, n), coords[i] ?? 0);
      });
      return c.linear(0, position);
    };
  },
});

/** Output axis i is input axis `permutation[i]`. */
const transpose = defineOp({
  name: 'transpose',
  partwise: true,
  infer: (c) => {
    const x = inputType(c, 0);
    const permutation = numbersAttr(c.attrs, 'permutation');
    if ([...permutation].sort((a, b) => a - b).some((p, i) => p !== i) || permutation.length !== x.shape.length)
      c.fail(`[${permutation.join(', ')}] is not a permutation of ${x.shape.length} axes`);
    return dense(
      x.dtype,
      permutation.map((p) => x.shape[p] ?? 1),
    );
  },
  element: (c) => {
    const permutation = numbersAttr(c.attrs, 'permutation');
    return (coords) => {
      const from = new Array<Dim>(coords.length).fill(0);
      permutation.forEach((p, i) => {
        from[p] = coords[i] ?? 0;
      });
      return c.at(0, from);
    };
  },
});

/** Element i along axis a is input element starts[a] + i * steps[a]; attributes `starts`, `steps`, `shape` cover every axis. */
const slice = defineOp({
  name: 'slice',
  partwise: true,
  infer: (c) => {
    const x = inputType(c, 0);
    const shape = dimsAttr(c.attrs, 'shape');
    if (shape.length !== x.shape.length) c.fail('starts, steps and shape must cover every axis');
    return dense(x.dtype, shape);
  },
  element: (c) => {
    const starts = dimsAttr(c.attrs, 'starts');
    const steps = dimsAttr(c.attrs, 'steps');
    return (coords) =>
      c.at(
        0,
        coords.map((i, axis) => D.add(starts[axis] ?? 0, D.mul(i, steps[axis] ?? 1))),
      );
  },
});

/** Inputs one after the other along `axis`. */
const concat = defineOp({
  name: 'concat',
  partwise: true,
  infer: (c) => {
    const first = inputType(c, 0);
    const axis = numberAttr(c.attrs, 'axis', 0);
    let length: Dim = 0;
    const shape = [...first.shape];
    c.inputs.forEach((_, i) => {
      const t = inputType(c, i);
      if (t.dtype !== first.dtype) c.fail(`input ${i} is ${t.dtype}, input 0 is ${first.dtype}`, 'Cast one of them');
      if (t.shape.length !== first.shape.length) c.fail(`input ${i} has another rank than input 0`);
      length = D.add(length, t.shape[axis] ?? 1);
      t.shape.forEach((d, at) => {
        if (at === axis) return;
        if (D.equals(d, shape[at] ?? 1) === false)
          c.fail(`shapes ${formatShape(first.shape)} and ${formatShape(t.shape)} differ outside axis ${axis}`);
        if (D.isStatic(d)) shape[at] = d;
      });
    });
    shape[axis] = length;
    return dense(first.dtype, shape);
  },
  element: (c) => {
    const axis = numberAttr(c.attrs, 'axis', 0);
    const zero = constant(computeType(only(c.outputs).dtype), 0);
    const starts: Dim[] = [];
    let next: Dim = 0;
    for (const t of c.inputs) {
      starts.push(next);
      next = D.add(next, t?.shape[axis] ?? 0);
    }
    return (coords) => {
      const at = coords[axis] ?? 0;
      // Where the part is certain (shape arithmetic, constant coordinates) nothing is tested.
      const certain = c.inputs.findIndex(
        (t, i) =>
          D.lessThan(at, starts[i] ?? 0) === false &&
          D.lessThan(at, D.add(starts[i] ?? 0, t?.shape[axis] ?? 0)) === true,
      );
      if (certain >= 0) return c.at(certain, withCoord(coords, axis, D.sub(at, starts[certain] ?? 0)));
      let value: Expr | undefined;
      for (let i = c.inputs.length - 1; i >= 0; i--) {
        if (c.inputs[i]?.shape.includes(0)) continue;
        const from = withCoord(coords, axis, D.sub(coords[axis] ?? 0, starts[i] ?? 0));
        // The last part needs no test: whatever is not before it is in it.
        value = value === undefined && i === c.inputs.length - 1 ? c.at(i, from) : c.guarded(i, from, value ?? zero);
      }
      return value ?? zero;
    };
  },
});

/** The data (input 0) with the updates (input 1) written over the block that begins at attribute `starts`. */
const insertSlice = defineOp({
  name: 'insert_slice',
  partwise: true,
  infer: (c) => {
    const [data, updates] = [inputType(c, 0), inputType(c, 1)];
    const starts = dimsAttr(c.attrs, 'starts');
    if (data.dtype !== updates.dtype) c.fail(`the data is ${data.dtype}, the updates are ${updates.dtype}`);
    if (data.shape.length !== updates.shape.length || starts.length !== data.shape.length)
      c.fail(`updates ${formatShape(updates.shape)} and starts must have the rank of ${formatShape(data.shape)}`);
    updates.shape.forEach((d, i) => {
      if (D.lessThan(data.shape[i] ?? 0, D.add(starts[i] ?? 0, d)) === true)
        c.fail(`updates ${formatShape(updates.shape)} at ${formatShape(starts)} leave ${formatShape(data.shape)}`);
    });
    return data;
  },
  element: (c) => {
    const starts = dimsAttr(c.attrs, 'starts');
    return (coords) =>
      c.guarded(
        1,
        coords.map((x, i) => D.sub(x, starts[i] ?? 0)),
        c.at(0, coords),
      );
  },
});

/** Adds `begins` and `ends` elements on each axis (negative: removes). `mode` is constant, edge, reflect or wrap; input 1, if there, is the constant. */
const pad = defineOp({
  name: 'pad',
  partwise: true,
  infer: (c) => {
    const x = inputType(c, 0);
    const begins = dimsAttr(c.attrs, 'begins');
    const ends = dimsAttr(c.attrs, 'ends');
    if (begins.length !== x.shape.length || ends.length !== x.shape.length) c.fail('pads must cover every axis');
    return dense(
      x.dtype,
      x.shape.map((n, i) => D.add(n, D.add(begins[i] ?? 0, ends[i] ?? 0))),
    );
  },
  element: (c) => {
    const x = c.inputs[0];
    const begins = dimsAttr(c.attrs, 'begins');
    const mode = stringAttr(c.attrs, 'mode', 'constant');
    const type = computeType(only(c.outputs).dtype);
    const isInside = (axis: number): boolean => begins[axis] === 0 && dimsAttr(c.attrs, 'ends')[axis] === 0;
    return (coords) => {
      const shifted = coords.map((i, axis) => D.sub(i, begins[axis] ?? 0));
      if (mode === 'constant') {
        const value = c.inputs[1] ? c.linear(1, 0) : constant(type, 0);
        return x?.shape.includes(0) ? value : c.guarded(0, shifted, value);
      }
      return c.at(
        0,
        shifted.map((i, axis) => {
          const n = x?.shape[axis] ?? 1;
          if (isInside(axis)) return i;
          if (mode === 'edge') return D.max(0, D.min(i, D.sub(n, 1)));
          if (mode === 'wrap') return D.mod(i, D.isStatic(n) ? Math.max(1, n) : n);
          const period = D.mul(2, D.sub(n, 1));
          if (D.isStatic(period) && period <= 0) return 0;
          const m = D.mod(i, D.max(1, period));
          return D.min(m, D.sub(period, m));
        }),
      );
    };
  },
});

/** Repeats dimensions of length 1 up to `shape` (numpy broadcasting; missing leading axes are added). */
const expand = defineOp({
  name: 'expand',
  partwise: true,
  infer: (c) => {
    const x = inputType(c, 0);
    const shape = dimsAttr(c.attrs, 'shape');
    const skip = shape.length - x.shape.length;
    if (skip < 0 || x.shape.some((d, i) => broadcastDim(d, shape[i + skip] ?? 1) === undefined))
      c.fail(`${formatShape(x.shape)} does not expand to ${formatShape(shape)}`);
    return dense(x.dtype, shape);
  },
  element: (c) => (coords) => c.at(0, broadcastCoords(c.inputs[0]?.shape ?? [], coords, only(c.outputs).shape)),
});

/** Repeats the whole tensor `repeats[a]` times along each axis. */
const tile = defineOp({
  name: 'tile',
  partwise: true,
  infer: (c) => {
    const x = inputType(c, 0);
    const repeats = dimsAttr(c.attrs, 'repeats');
    if (repeats.length !== x.shape.length) c.fail('repeats must cover every axis');
    return dense(
      x.dtype,
      x.shape.map((n, i) => D.mul(n, repeats[i] ?? 1)),
    );
  },
  element: (c) => {
    const shape = c.inputs[0]?.shape ?? [];
    const repeats = dimsAttr(c.attrs, 'repeats');
    return (coords) =>
      c.at(
        0,
        coords.map((i, axis) => (repeats[axis] === 1 ? i : wrapped(i, shape[axis] ?? 1))),
      );
  },
});

const wrapped = (i: Dim, n: Dim): Dim => (n === 0 || n === 1 ? 0 : D.mod(i, n));

/** Reverses along `axes`. */
const reverse = defineOp({
  name: 'reverse',
  partwise: true,
  infer: (c) => inputType(c, 0),
  element: (c) => {
    const axes = numbersAttr(c.attrs, 'axes');
    const shape = c.inputs[0]?.shape ?? [];
    return (coords) =>
      c.at(
        0,
        coords.map((i, axis) => (axes.includes(axis) ? D.sub(D.sub(shape[axis] ?? 1, 1), i) : i)),
      );
  },
});

function blockSizes(c: InferContext): {
  n: Dim;
  channels: Dim;
  h: Dim;
  w: Dim;
  block: number;
  dtype: TensorType['dtype'];
} {
  const x = inputType(c, 0);
  const [n = 1, channels = 1, h = 1, w = 1] = x.shape;
  if (x.shape.length !== 4) c.fail(`expects [n, c, h, w], got ${formatShape(x.shape)}`);
  return { n, channels, h, w, block: numberAttr(c.attrs, 'block', 1), dtype: x.dtype };
}

/** Moves blocks of channels into space; `mode` DCR takes the channel as [block, block, c], CRD as [c, block, block]. */
const depthToSpace = defineOp({
  name: 'depth_to_space',
  partwise: true,
  infer: (c) => {
    const { n, channels, h, w, block, dtype } = blockSizes(c);
    const depth = D.divideExactly(channels, block * block);
    if (depth === undefined) c.fail(`${D.formatDim(channels)} channels are not divisible by ${block * block}`);
    return dense(dtype, [n, depth ?? 1, D.mul(h, block), D.mul(w, block)]);
  },
  element: (c) => {
    const block = numberAttr(c.attrs, 'block', 1);
    const depth = only(c.outputs).shape[1] ?? 1;
    const crd = stringAttr(c.attrs, 'mode', 'DCR') === 'CRD';
    return ([n = 0, ch = 0, y = 0, x = 0]) => {
      const by = D.mod(y, block);
      const bx = D.mod(x, block);
      const offset = D.add(D.mul(by, block), bx);
      const from = crd ? D.add(D.mul(ch, block * block), offset) : D.add(D.mul(offset, depth), ch);
      return c.at(0, [n, from, D.floorDiv(y, block), D.floorDiv(x, block)]);
    };
  },
});

const spaceToDepth = defineOp({
  name: 'space_to_depth',
  partwise: true,
  infer: (c) => {
    const { n, channels, h, w, block, dtype } = blockSizes(c);
    return dense(dtype, [n, D.mul(channels, block * block), D.floorDiv(h, block), D.floorDiv(w, block)]);
  },
  element: (c) => {
    const block = numberAttr(c.attrs, 'block', 1);
    const channels = c.inputs[0]?.shape[1] ?? 1;
    return ([n = 0, ch = 0, y = 0, x = 0]) => {
      const offset = D.floorDiv(ch, channels);
      return c.at(0, [
        n,
        D.mod(ch, channels),
        D.add(D.mul(y, block), D.floorDiv(offset, block)),
        D.add(D.mul(x, block), D.mod(offset, block)),
      ]);
    };
  },
});

/** Ops that only move elements; every index stays in the Dim algebra. */
export const movementOps: readonly OpDef[] = [
  reshape,
  transpose,
  slice,
  concat,
  insertSlice,
  pad,
  expand,
  tile,
  reverse,
  depthToSpace,
  spaceToDepth,
];
