import type { Dim } from '../ir/dim.ts';
import * as D from '../ir/dim.ts';
import { computeType } from '../ir/dtype.ts';
import { constant, dimValue, type Expr } from '../ir/expr.ts';
import { defineOp, type ElementContext, type OpDef } from '../ir/op.ts';
import { tap, windowCount, windowsOf } from './conv.ts';
import {
  dimsAttr,
  flagAttr,
  inputType,
  multiplyAdd,
  numberAttr,
  numbersAttr,
  only,
  stringAttr,
  withCoord,
} from './shapes.ts';

const shapeOf = (c: ElementContext, i: number): readonly Dim[] => c.inputs[i]?.shape ?? [];

/** Indices, weights and an added value for each position of a resized axis; see runtime/host/resample-table.ts. */
const resampleTable = defineOp({
  name: 'resample_table',
  infer: (c) => {
    const axis = numberAttr(c.attrs, 'axis', 0);
    const size = c.known(0)?.[1] ?? c.dataDependent(`size${axis}`, 2147483647);
    const taps = numberAttr(c.attrs, 'taps', 0);
    const known = taps === 0 ? c.dataDependent(`taps${axis}`, 65536) : taps;
    return [
      { dtype: 'i32', shape: [size, known], format: 'dense' },
      { dtype: 'f32', shape: [size, known], format: 'dense' },
      { dtype: 'f32', shape: [size], format: 'dense' },
    ];
  },
  host: 'resample_table',
});

/** Weighted sums along one axis: inputs x, indices and weights [size, taps], added value [size]?. */
const resample = defineOp({
  name: 'resample',
  partwise: true,
  infer: (c) => {
    const x = inputType(c, 0);
    return { ...x, shape: withCoord(x.shape, numberAttr(c.attrs, 'axis', 0), inputType(c, 1).shape[0] ?? 1) };
  },
  element: (c) => {
    const axis = numberAttr(c.attrs, 'axis', 0);
    const n = shapeOf(c, 0)[axis] ?? 1;
    const type = computeType(only(c.outputs).dtype);
    return (coords) => {
      const at = coords[axis] ?? 0;
      const total = only(
        c.fold('sum', [shapeOf(c, 1)[1] ?? 1], [constant(type, 0)], ([t = 0], state) => {
          const from = c.index(c.at(1, [at, t]), n);
          return [multiplyAdd(c.at(0, withCoord(coords, axis, from)), c.at(2, [at, t]).cast(type), only(state))];
        }),
      );
      return c.inputs[3] ? total.add(c.at(3, [at]).cast(type)) : total;
    };
  },
  flops: (node) => D.mul(2, node.inputs[1]?.type.shape[1] ?? 1),
});

/**
 * Linear interpolation along two axes at once: inputs x, indices and weights [size, 2] of the first axis, then of the second; attribute
 * `axes`. Each of the four neighbours is multiplied with the product of its weights and they are added in row-major order, so that every
 * engine that does the same rounds alike (quantized models depend on the last bit).
 */
const bilinear = defineOp({
  name: 'bilinear',
  partwise: true,
  infer: (c) => {
    const [first = 0, second = 1] = numbersAttr(c.attrs, 'axes');
    const x = inputType(c, 0);
    const rows = withCoord(x.shape, first, inputType(c, 1).shape[0] ?? 1);
    return { ...x, shape: withCoord(rows, second, inputType(c, 3).shape[0] ?? 1) };
  },
  element: (c) => {
    const [first = 0, second = 1] = numbersAttr(c.attrs, 'axes');
    const type = computeType(only(c.outputs).dtype);
    return (coords) => {
      const along = (axis: number, input: number) =>
        [0, 1].map((t) => ({
          from: c.index(c.at(input, [coords[axis] ?? 0, t]), shapeOf(c, 0)[axis] ?? 1),
          weight: c.at(input + 1, [coords[axis] ?? 0, t]).cast(type),
        }));
      const columns = along(second, 3);
      const terms = along(first, 1).flatMap((y) =>
        columns.map((x) => {
          const at = withCoord(withCoord(coords, first, y.from), second, x.from);
          return y.weight.mul(x.weight).mul(c.at(0, at));
        }),
      );
      return terms.reduce((p, q) => p.add(q));
    };
  },
  flops: () => 11,
});

/** Each element `repeats[a]` times in a row along each axis. */
const repeat = defineOp({
  name: 'repeat',
  partwise: true,
  infer: (c) => {
    const x = inputType(c, 0);
    const repeats = numbersAttr(c.attrs, 'repeats');
    return { ...x, shape: x.shape.map((n, i) => D.mul(n, repeats[i] ?? 1)) };
  },
  element: (c) => {
    const repeats = numbersAttr(c.attrs, 'repeats');
    return (coords) =>
      c.at(
        0,
        coords.map((i, axis) => D.floorDiv(i, repeats[axis] ?? 1)),
      );
  },
});

const float = (c: ElementContext): 'f64' | 'f32' =>
  computeType(c.inputs[0]?.dtype ?? 'f32') === 'f64' ? 'f64' : 'f32';

/** Mirrors x at the borders until it lies between them. */
function reflected(x: Expr, low: Expr, high: Expr): Expr {
  const range = high.sub(low);
  const safe = range.gt(0).select(range, constant(x.type, 1));
  const offset = x.sub(low).abs();
  const turns = offset.div(safe).floor();
  const rest = offset.sub(turns.mul(safe));
  const odd = turns.sub(turns.mul(0.5).floor().mul(2)).ne(0);
  return range.gt(0).select(odd.select(high.sub(rest), low.add(rest)), low);
}

/** Element of input 0 at whole-numbered float coordinates, zero outside. `lead` are the coordinates before the spatial ones. */
function pixel(c: ElementContext, lead: readonly Dim[], at: readonly Expr[]): Expr {
  const shape = shapeOf(c, 0).slice(lead.length);
  let inside = constant('bool', true);
  const index = at.map((v, i) => {
    const n = shape[i] ?? 1;
    inside = inside.and(v.ge(0)).and(v.lt(dimValue(n).cast(v.type)));
    return c.index(v.max(0).cast('i32'), n);
  });
  const value = c.at(0, [...lead, ...index]);
  return inside.select(value, constant(value.type, 0));
}

/** Sum over the neighbourhood of a point: `weights` gives offset and weight of each tap from the fraction. */
function interpolate(
  c: ElementContext,
  lead: readonly Dim[],
  point: readonly Expr[],
  taps: (fraction: Expr) => readonly { readonly offset: number; readonly weight: Expr }[],
  border: (v: Expr, axis: number) => Expr,
): Expr {
  const whole = point.map((p) => p.floor());
  const tables = point.map((p, i) => taps(p.sub(only(whole, i))));
  const visit = (axis: number, at: readonly Expr[]): Expr => {
    if (axis === point.length) return pixel(c, lead, at);
    const terms = only(tables, axis).map(({ offset, weight }) =>
      weight.mul(visit(axis + 1, [...at, border(only(whole, axis).add(offset), axis)]).cast(weight.type)),
    );
    return terms.reduce((p, q) => p.add(q));
  };
  return visit(0, []);
}

const linearTaps = (f: Expr) => [
  { offset: 0, weight: constant(f.type, 1).sub(f) },
  { offset: 1, weight: f },
];

/** Keys' cubic convolution with a = -0.75. */
function cubicTaps(f: Expr) {
  const a = -0.75;
  const near = (x: Expr) =>
    x
      .mul(a + 2)
      .sub(a + 3)
      .mul(x)
      .mul(x)
      .add(1);
  const far = (x: Expr) =>
    x
      .mul(a)
      .sub(5 * a)
      .mul(x)
      .add(8 * a)
      .mul(x)
      .sub(4 * a);
  const g = constant(f.type, 1).sub(f);
  return [
    { offset: -1, weight: far(f.add(1)) },
    { offset: 0, weight: near(f) },
    { offset: 1, weight: near(g) },
    { offset: 2, weight: far(g.add(1)) },
  ];
}

/** Samples x [n, c, ...spatial] at grid [n, ...out, rank] (last coordinate first, -1 to 1); attributes mode, padding, alignCorners. */
const gridSample = defineOp({
  name: 'grid_sample',
  infer: (c) => {
    const x = inputType(c, 0);
    const [n = 1, channels = 1] = x.shape;
    return { ...x, shape: [n, channels, ...inputType(c, 1).shape.slice(1, -1)] };
  },
  element: (c) => {
    const spatial = shapeOf(c, 0).slice(2);
    const mode = stringAttr(c.attrs, 'mode', 'linear');
    const padding = stringAttr(c.attrs, 'padding', 'zeros');
    const corners = flagAttr(c.attrs, 'alignCorners');
    const type = float(c);
    return ([n = 0, channel = 0, ...out]) => {
      /** Brings a coordinate back into the image; one within half a pixel of the border is left for its taps to settle. */
      const border = (v: Expr, axis: number): Expr => {
        if (padding === 'zeros') return v;
        const length = dimValue(spatial[axis] ?? 1).cast(type);
        const [low, high] = corners ? [constant(type, 0), length.sub(1)] : [constant(type, -0.5), length.sub(0.5)];
        const inside = padding === 'border' ? v.max(0).min(length.sub(1)) : reflected(v, low, high);
        return v.lt(low).or(v.gt(high)).select(inside, v);
      };
      const tapAt = (v: Expr, axis: number): Expr =>
        padding === 'border'
          ? v.max(0).min(
              dimValue(spatial[axis] ?? 1)
                .cast(type)
                .sub(1),
            )
          : border(v, axis);
      const point = spatial.map((d, axis) => {
        const g = c.at(1, [n, ...out, spatial.length - 1 - axis]).cast(type);
        const length = dimValue(d).cast(type);
        const x = corners ? g.add(1).mul(0.5).mul(length.sub(1)) : g.add(1).mul(length).sub(1).mul(0.5);
        return border(mode === 'nearest' ? x.round() : x, axis);
      });
      const outer = [n, channel];
      // Reflected coordinates of whole numbers lie between two elements when corners are not aligned: the lower one counts.
      const whole = (v: Expr, axis: number): Expr => tapAt(v, axis).trunc();
      if (mode === 'nearest') return pixel(c, outer, point.map(whole));
      return interpolate(c, outer, point, mode === 'cubic' ? cubicTaps : linearTaps, whole).cast(
        computeType(only(c.outputs).dtype),
      );
    };
  },
  flops: () => 64,
});

/** Grid of coordinates that theta [n, r, r+1] maps from the output positions; attribute `size` is the spatial shape. */
const affineGrid = defineOp({
  name: 'affine_grid',
  infer: (c) => {
    const size = dimsAttr(c.attrs, 'size');
    const theta = inputType(c, 0);
    return { ...theta, shape: [theta.shape[0] ?? 1, ...size, size.length] };
  },
  element: (c) => {
    const size = dimsAttr(c.attrs, 'size');
    const corners = flagAttr(c.attrs, 'alignCorners');
    const type = float(c);
    return (coords) => {
      const [n = 0] = coords;
      const row = coords[size.length + 1] ?? 0;
      let total = c.at(0, [n, row, size.length]).cast(type);
      size.forEach((d, axis) => {
        const i = dimValue(coords[axis + 1] ?? 0).cast(type);
        const length = dimValue(d).cast(type);
        const position = corners ? i.mul(2).div(length.sub(1)).sub(1) : i.mul(2).add(1).div(length).sub(1);
        total = total.add(
          c
            .at(0, [n, row, size.length - 1 - axis])
            .cast(type)
            .mul(position),
        );
      });
      return total;
    };
  },
});

/**
 * Deformable convolution of 2-D images: inputs x, w, offset [n, groups*kh*kw*2, oh, ow], mask? [n, groups*kh*kw, oh, ow]; taps are read
 * by bilinear interpolation at their place plus offset, zero outside.
 */
const deformConv = defineOp({
  name: 'deform_conv',
  infer: (c) => {
    const [x, w] = [inputType(c, 0), inputType(c, 1)];
    if (x.shape.length !== 4) c.fail('only images [n, c, h, w] are supported');
    const windows = windowsOf(c.attrs, w.shape.slice(2));
    const spatial = windows.map((win, i) => windowCount(x.shape[i + 2] ?? 1, win));
    return { ...x, shape: [x.shape[0] ?? 1, w.shape[0] ?? 1, ...spatial] };
  },
  element: (c) => {
    const [m = 1, depth = 1, kh = 1, kw = 1] = shapeOf(c, 1);
    const windows = windowsOf(c.attrs, [kh, kw]);
    const perGroup = D.floorDiv(m, numberAttr(c.attrs, 'group', 1));
    const perOffset = D.floorDiv(shapeOf(c, 0)[1] ?? 1, numberAttr(c.attrs, 'offsetGroup', 1));
    const type = float(c);
    return ([n = 0, channel = 0, oy = 0, ox = 0]) => {
      const first = D.mul(D.floorDiv(channel, perGroup), depth);
      return only(
        c.fold('sum', [depth, kh, kw], [constant(type, 0)], ([d = 0, ky = 0, kx = 0], state) => {
          const input = D.add(first, d);
          const place = D.add(D.mul(D.add(D.mul(D.floorDiv(input, perOffset), kh), ky), kw), kx);
          const point = [tap(oy, ky, only(windows)), tap(ox, kx, only(windows, 1))].map((p, axis) =>
            dimValue(p)
              .cast(type)
              .add(c.at(2, [n, D.add(D.mul(place, 2), axis), oy, ox]).cast(type)),
          );
          let x = interpolate(c, [n, input], point, linearTaps, (v) => v);
          if (c.inputs[3]) x = x.mul(c.at(3, [n, place, oy, ox]).cast(type));
          return [multiplyAdd(x, c.at(1, [channel, d, ky, kx]).cast(type), only(state))];
        }),
      );
    };
  },
  flops: (node) => D.mul(24, D.product(node.inputs[1]?.type.shape.slice(1) ?? [])),
});

/** Pools regions of images with bilinear sampling: inputs x, rois [r, 4], batch indices [r]. A host step. */
const roiAlign = defineOp({
  name: 'roi_align',
  infer: (c) => {
    const x = inputType(c, 0);
    const [height, width] = [numberAttr(c.attrs, 'height', 1), numberAttr(c.attrs, 'width', 1)];
    return { ...x, shape: [inputType(c, 1).shape[0] ?? 1, x.shape[1] ?? 1, height, width] };
  },
  host: 'roi_align',
});

/** Largest element of each bin of regions: inputs x, rois [r, 5]. A host step. */
const maxRoiPool = defineOp({
  name: 'max_roi_pool',
  infer: (c) => {
    const x = inputType(c, 0);
    const [height, width] = [numberAttr(c.attrs, 'height', 1), numberAttr(c.attrs, 'width', 1)];
    return { ...x, shape: [inputType(c, 1).shape[0] ?? 1, x.shape[1] ?? 1, height, width] };
  },
  host: 'max_roi_pool',
});

/** Resizing and sampling at fractional positions. */
export const sampleOps: readonly OpDef[] = [
  resampleTable,
  resample,
  bilinear,
  repeat,
  gridSample,
  affineGrid,
  deformConv,
  roiAlign,
  maxRoiPool,
];
