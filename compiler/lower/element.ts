import { InfcError } from '../../runtime/errors.ts';
import { add, type Dim, floorDiv, isAtMost, min, mod, mul, product, sub, sym } from '../ir/dim.ts';
import { computeType, type DType } from '../ir/dtype.ts';
import { constant, dimValue, type Expr, type Fold, foldResults, variable } from '../ir/expr.ts';
import type { Node, TensorType, Value } from '../ir/graph.ts';
import type { OpTable } from '../ir/graph-builder.ts';
import type { ElementContext } from '../ir/op.ts';

/** Row-major position of `coords` in a tensor of `shape`. */
export function ravel(coords: readonly Dim[], shape: readonly Dim[]): Dim {
  let position: Dim = 0;
  shape.forEach((d, i) => {
    position = add(mul(position, d), coords[i] ?? 0);
  });
  return position;
}

/** Coordinates of a row-major position in a tensor of `shape`. */
export function unravel(position: Dim, shape: readonly Dim[]): Dim[] {
  // A tensor without elements has no positions: nothing that is written for them ever runs.
  if (shape.includes(0)) return shape.map(() => 0);
  const coords: Dim[] = new Array(shape.length);
  let rest = position;
  for (let i = shape.length - 1; i >= 0; i--) {
    const d = shape[i] ?? 1;
    if (i === 0) coords[i] = d === 1 ? 0 : rest;
    else {
      coords[i] = mod(rest, d);
      rest = floorDiv(rest, d);
    }
  }
  return coords;
}

/** What an {@link ElementEvaluator} needs to know about the values around the nodes it evaluates. */
export interface ElementSource {
  /** Element `position` of a value that is not computed here. */
  read(value: Value, position: Dim): Expr;
  /** Whether the value's producer is evaluated in place (fused) instead of read. */
  isInside(value: Value): boolean;
  /** Type with the shape to use: symbolic while compiling, concrete in the reference. */
  typeOf(value: Value): TensorType;
}

/**
 * Turns op meanings into expressions: `at(value, coords)` is the element of a value as an expression over reads of outside values.
 * Fusion is nothing but calling it with more values inside. Names of loops and states it makes up are unique per evaluator.
 */
export class ElementEvaluator {
  /** Index symbols made from data, with the (clamped, i32) expression that defines each. */
  readonly indices = new Map<string, Expr>();
  private readonly memo = new Map<string, Expr>();
  private readonly bodies = new Map<Node, (coords: readonly Dim[], output: number) => Expr>();
  private counter = 0;

  constructor(
    private readonly ops: OpTable,
    private readonly source: ElementSource,
    private readonly prefix = '',
  ) {}

  private fresh(hint: string): string {
    return `${this.prefix}${hint}${this.counter++}`;
  }

  /** An index computed from data, clamped into [0, extent). */
  index(value: Expr, extent: Dim): Dim {
    const last = dimValue(sub(extent, 1)).cast(value.type);
    const name = this.fresh('x');
    this.indices.set(name, value.min(last).max(constant(value.type, 0)).cast('i32'));
    return sym(name, { max: sub(extent, 1) });
  }

  at(value: Value, coords: readonly Dim[]): Expr {
    const key = `${value.id}:${coords.map((c) => (typeof c === 'number' ? c : c.key)).join(',')}`;
    const old = this.memo.get(key);
    if (old) return old;
    const e = this.compute(value, coords);
    this.memo.set(key, e);
    return e;
  }

  linear(value: Value, position: Dim): Expr {
    const producer = value.producer;
    if (!producer || !this.source.isInside(value)) return this.source.read(value, position);
    const input = producer.inputs[0];
    if (this.ops.op(producer.op)?.view && input) return this.linear(input, position);
    return this.at(value, unravel(position, this.source.typeOf(value).shape));
  }

  private compute(value: Value, coords: readonly Dim[]): Expr {
    const type = this.source.typeOf(value);
    const node = value.producer;
    if (!node || !this.source.isInside(value)) return this.source.read(value, ravel(coords, type.shape));
    const op = this.ops.op(node.op);
    const input = node.inputs[0];
    if (op?.view && input) return this.linear(input, ravel(coords, type.shape));
    if (op?.scalar) {
      const types: TensorType[] = [];
      const args: Expr[] = [];
      for (const v of node.inputs) {
        if (!v) continue;
        const t = this.source.typeOf(v);
        types.push(t);
        args.push(this.at(v, broadcastCoords(coords, type.shape, t.shape)));
      }
      const e = op.scalar(args, node.attrs, { inputs: types, output: type });
      const wanted = computeType(type.dtype);
      if (e.type !== wanted)
        throw new InfcError('INFC3001', `op '${node.op}' computes ${e.type} where its output is ${type.dtype}`, {
          node: node.source.name,
        });
      return rounded(e, type.dtype, node.op === 'cast');
    }
    const body = this.body(node);
    return body(coords, node.outputs.indexOf(value));
  }

  private body(node: Node): (coords: readonly Dim[], output: number) => Expr {
    const old = this.bodies.get(node);
    if (old) return old;
    const op = this.ops.op(node.op);
    if (!op?.element)
      throw new InfcError('INFC3002', `op '${node.op}' has no element form`, {
        node: node.source.name,
        fix: 'Run it as a host step',
      });
    const typeAt = (i: number): TensorType => this.source.typeOf(this.input(node, i));
    const context: ElementContext = {
      inputs: node.inputs.map((v) => (v ? this.source.typeOf(v) : null)),
      outputs: node.outputs.map((v) => this.source.typeOf(v)),
      attrs: node.attrs,
      at: (i, coords) => this.at(this.input(node, i), coords),
      linear: (i, position) => this.linear(this.input(node, i), position),
      guarded: (i, coords, otherwise) => {
        const shape = typeAt(i).shape;
        let inside: Expr | undefined;
        coords.forEach((c, axis) => {
          const d = shape[axis] ?? 1;
          const both = (e: Expr) => {
            inside = inside ? inside.and(e) : e;
          };
          if (!isAtMost(0, c)) both(dimValue(c).ge(0));
          if (!isAtMost(c, sub(d, 1))) both(dimValue(c).lt(dimValue(d)));
        });
        const e = this.at(this.input(node, i), coords);
        return inside ? inside.guard(e, otherwise) : e;
      },
      index: (value, extent) => this.index(value, extent),
      fold: (monoid, extents, init, next) => {
        const loops: Fold['loops'][number][] = [];
        const dims = extents.map((extent): Dim => {
          if (extent === 1) return 0;
          const name = this.fresh('r');
          loops.push({ name, extent });
          return sym(name, { max: sub(extent, 1) });
        });
        const state = init.map(() => this.fresh('s'));
        const vars = init.map((e, i) => variable(state[i] ?? '', e.type));
        return foldResults({ kind: 'fold', monoid, loops, init, state, next: next(dims, vars) });
      },
    };
    const made = op.element(context);
    this.bodies.set(node, made);
    return made;
  }

  private input(node: Node, i: number): Value {
    const v = node.inputs[i];
    if (!v) throw new InfcError('INFC3003', `op '${node.op}' reads its omitted input ${i}`, { node: node.source.name });
    return v;
  }
}

/** Coordinates of the element of an operand of `from` that broadcasting pairs with `coords` of an output of `to`. */
export function broadcastCoords(coords: readonly Dim[], to: readonly Dim[], from: readonly Dim[]): Dim[] {
  const shift = to.length - from.length;
  return from.map((d, i) => {
    const c = coords[i + shift] ?? 0;
    if (d === 1) return 0;
    // An operand whose dim may or may not be 1 at run time: the clamp is right in both cases.
    return d === to[i + shift] || isAtMost(c, sub(d, 1)) ? c : min(c, sub(d, 1));
  });
}

/** Narrow integers wrap and 8-bit floats round at every op; 16-bit floats round where memory or an explicit cast makes them. */
function rounded(e: Expr, dtype: DType, isCast: boolean): Expr {
  switch (dtype) {
    case 'f64':
    case 'f32':
    case 'i64':
    case 'i32':
    case 'u64':
    case 'u32':
    case 'bool':
    case 'c64':
    case 'c128':
      return e;
    case 'f16':
    case 'bf16':
      return isCast ? e.narrow(dtype) : e;
    default:
      return e.narrow(dtype);
  }
}

export const elementsOf = (type: TensorType): Dim => product(type.shape);
