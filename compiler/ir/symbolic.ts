import * as D from './dim.ts';
import { type Dim, isStatic } from './dim.ts';
import { computeType, isComplex } from './dtype.ts';
import { constant, dimValue, type Expr, type Operand } from './expr.ts';
import type { Attributes, TensorType } from './graph.ts';
import type { ElementContext, OpDef } from './op.ts';

/** Largest tensor whose contents shape arithmetic follows. */
const MOST_ELEMENTS = 64;

/** Thrown inside this file when contents do not follow from what is known. */
const UNKNOWN = Symbol('unknown');

/**
 * Contents of a node's outputs as dims, derived from the op's own meaning and the known contents of its inputs: shape arithmetic
 * needs no second definition of any op. Undefined for outputs that are too large, not numeric, or depend on something unknown.
 */
export function symbolicContents(
  op: OpDef,
  inputs: readonly (TensorType | null)[],
  known: (input: number) => readonly Dim[] | undefined,
  attrs: Attributes,
  outputs: readonly TensorType[],
): readonly (readonly Dim[] | undefined)[] | undefined {
  if (!op.scalar && !op.element) return undefined;
  if (inputs.length > 0 && !inputs.some((_, i) => known(i))) return undefined;
  const values = outputs.map((output, index) => contentsOf(op, inputs, known, attrs, outputs, output, index));
  return values.some((v) => v) ? values : undefined;
}

function contentsOf(
  op: OpDef,
  inputs: readonly (TensorType | null)[],
  known: (input: number) => readonly Dim[] | undefined,
  attrs: Attributes,
  outputs: readonly TensorType[],
  output: TensorType,
  index: number,
): readonly Dim[] | undefined {
  if (output.dtype === 'string' || isComplex(output.dtype) || output.container) return undefined;
  const shape = output.shape.filter(isStatic);
  const count = shape.reduce((n, d) => n * d, 1);
  if (shape.length !== output.shape.length || count > MOST_ELEMENTS) return undefined;

  const linear = (i: number, position: Dim): Expr => {
    const type = inputs[i];
    const contents = known(i);
    if (!type || !contents || !isStatic(position)) throw UNKNOWN;
    const value = contents[position];
    if (value === undefined) throw UNKNOWN;
    const compute = computeType(type.dtype);
    if (isStatic(value)) return constant(compute, compute === 'i64' || compute === 'u64' ? BigInt(value) : value);
    return dimValue(value).cast(compute);
  };
  const at = (i: number, coords: readonly Dim[]): Expr => linear(i, positionOf(inputs[i]?.shape ?? [], coords));
  const context: ElementContext = {
    inputs,
    outputs,
    attrs,
    at,
    linear,
    guarded: (i, coords, otherwise) => {
      const dims = inputs[i]?.shape ?? [];
      for (let axis = 0; axis < dims.length; axis++) {
        const c = coords[axis] ?? 0;
        const d = dims[axis] ?? 1;
        const below = D.lessThan(c, 0);
        const inside = D.lessThan(c, d);
        if (below === undefined || inside === undefined) throw UNKNOWN;
        if (below || !inside) return otherwise;
      }
      return at(i, coords);
    },
    index: (value) => toDim(value),
    fold: (_monoid, extents, init, next) => {
      let state: readonly Expr[] = init;
      const bounds = extents.filter(isStatic);
      if (bounds.length !== extents.length || bounds.reduce((n, d) => n * d, 1) > 4096) throw UNKNOWN;
      forEachIndex(bounds, (loops) => {
        // Reduce to a leaf at once: the chain of expressions would otherwise grow with the loop.
        state = next(loops, state).map((e) => leaf(e));
      });
      return [...state];
    },
  };

  try {
    const contents: Dim[] = [];
    const element = op.element?.(context);
    forEachIndex(shape, (coords) => {
      const value = element ? element(coords, index) : scalarAt(op, context, output, coords);
      contents.push(toDim(value));
    });
    return contents;
  } catch (e) {
    if (e === UNKNOWN) return undefined;
    throw e;
  }
}

function scalarAt(op: OpDef, context: ElementContext, output: TensorType, coords: readonly Dim[]): Expr {
  const types: TensorType[] = [];
  const operands: Expr[] = [];
  context.inputs.forEach((type, i) => {
    if (!type) throw UNKNOWN;
    types.push(type);
    const skip = coords.length - type.shape.length;
    operands.push(
      context.at(
        i,
        type.shape.map((d, axis) => (d === 1 ? 0 : (coords[axis + skip] ?? 0))),
      ),
    );
  });
  if (!op.scalar) throw UNKNOWN;
  return op.scalar(operands, context.attrs, { inputs: types, output });
}

function positionOf(shape: readonly Dim[], coords: readonly Dim[]): Dim {
  let position: Dim = 0;
  shape.forEach((d, axis) => {
    position = D.add(D.mul(position, d), coords[axis] ?? 0);
  });
  return position;
}

/** Calls back on every index vector of a static shape, in row-major order. */
export function forEachIndex(shape: readonly number[], visit: (index: readonly number[]) => void): void {
  const count = shape.reduce((n, d) => n * d, 1);
  for (let linear = 0; linear < count; linear++) {
    const index = new Array<number>(shape.length);
    let rest = linear;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const d = shape[axis] ?? 1;
      index[axis] = rest % d;
      rest = Math.floor(rest / d);
    }
    visit(index);
  }
}

function leaf(e: Expr): Expr {
  const d = toDim(e);
  if (!isStatic(d)) return dimValue(d).cast(e.type);
  return constant(e.type, e.type === 'i64' || e.type === 'u64' ? BigInt(d) : d);
}

const isFloating = (e: Expr): boolean => e.type === 'f32' || e.type === 'f64' || e.type === 'f16';

/** The dim an expression without loads stands for. A float expression gives a number, or a dim whose value is integral. */
function toDim(e: Expr): Dim {
  const n = e.node;
  switch (n.kind) {
    case 'const':
      return checked(Number(n.value), e);
    case 'dim':
      return n.dim;
    case 'unary':
      return checked(unary(n.op, toDim(n.a)), e);
    case 'binary':
      return checked(binary(n.op, toDim(n.a), toDim(n.b), n.a), e);
    case 'fma':
      return checked(D.add(product(toDim(n.a), toDim(n.b)), toDim(n.c)), e);
    case 'select':
    case 'guard': {
      const condition = toDim(n.condition);
      if (!isStatic(condition)) throw UNKNOWN;
      const other: Operand = n.kind === 'select' ? n.b : n.otherwise;
      return condition !== 0 ? toDim(n.a) : toDim(other);
    }
    case 'cast': {
      const a = toDim(n.a);
      if (e.type === 'bool') return compare('ne', a, 0);
      return isStatic(a) && !isFloating(e) ? checked(Math.trunc(a), e) : a;
    }
    case 'narrow': {
      const a = toDim(n.a);
      return isStatic(a) && isFloating(e) && n.to === 'f32' ? Math.fround(a) : a;
    }
    default:
      throw UNKNOWN;
  }
}

function checked(d: Dim, e: Expr): Dim {
  if (isStatic(d) && (Number.isNaN(d) || (!isFloating(e) && !Number.isSafeInteger(d)))) throw UNKNOWN;
  return d;
}

function product(a: Dim, b: Dim): Dim {
  // A symbolic dim times a fraction would leave the integers.
  if ((isStatic(a) && !isStatic(b) && !Number.isInteger(a)) || (isStatic(b) && !isStatic(a) && !Number.isInteger(b)))
    throw UNKNOWN;
  return D.mul(a, b);
}

function unary(op: string, a: Dim): Dim {
  switch (op) {
    case 'neg':
      return D.sub(0, a);
    case 'not':
      return isStatic(a) && (a === 0 || a === 1) ? 1 - a : unknown();
    case 'abs':
      return isStatic(a) ? Math.abs(a) : D.range(a).min >= 0 ? a : unknown();
    case 'floor':
      return isStatic(a) ? Math.floor(a) : a;
    case 'ceil':
      return isStatic(a) ? Math.ceil(a) : a;
    case 'trunc':
      return isStatic(a) ? Math.trunc(a) : a;
    case 'sqrt':
      return isStatic(a) ? Math.sqrt(a) : unknown();
    case 'exp':
      return isStatic(a) ? Math.exp(a) : unknown();
    case 'log':
      return isStatic(a) ? Math.log(a) : unknown();
    default:
      return unknown();
  }
}

function unknown(): never {
  throw UNKNOWN;
}

function binary(op: string, a: Dim, b: Dim, left: Expr): Dim {
  switch (op) {
    case 'add':
      return sumOf(a, b, 1);
    case 'sub':
      return sumOf(a, b, -1);
    case 'mul':
      return product(a, b);
    case 'div':
      if (isStatic(a) && isStatic(b))
        return b === 0 && !isFloating(left) ? unknown() : isFloating(left) ? a / b : Math.trunc(a / b);
      if (isFloating(left)) return D.divideExactly(a, b) ?? unknown();
      return positive(a, b) ? D.floorDiv(a, b) : unknown();
    case 'rem':
      if (isStatic(a) && isStatic(b)) return b === 0 ? unknown() : a % b;
      return positive(a, b) && !isFloating(left) ? D.mod(a, b) : unknown();
    case 'min':
      return D.min(a, b);
    case 'max':
      return D.max(a, b);
    case 'pow':
      return isStatic(a) && isStatic(b) ? a ** b : unknown();
    case 'and':
      return left.type !== 'bool' ? unknown() : a === 0 || b === 0 ? 0 : isStatic(a) && isStatic(b) ? 1 : unknown();
    case 'or':
      return left.type !== 'bool' ? unknown() : a === 1 || b === 1 ? 1 : isStatic(a) && isStatic(b) ? 0 : unknown();
    case 'xor':
      return left.type === 'bool' && isStatic(a) && isStatic(b) ? a ^ b : unknown();
    case 'lt':
    case 'le':
    case 'gt':
    case 'ge':
    case 'eq':
    case 'ne':
      return compare(op, a, b);
    default:
      return unknown();
  }
}

function sumOf(a: Dim, b: Dim, sign: number): Dim {
  if (isStatic(a) !== isStatic(b) && ((isStatic(a) && !Number.isInteger(a)) || (isStatic(b) && !Number.isInteger(b))))
    throw UNKNOWN;
  return sign === 1 ? D.add(a, b) : D.sub(a, b);
}

/** Truncating and flooring division agree where the dividend cannot be negative. */
const positive = (a: Dim, b: Dim): boolean => D.range(a).min >= 0 && D.range(b).min > 0;

function compare(op: 'lt' | 'le' | 'gt' | 'ge' | 'eq' | 'ne', a: Dim, b: Dim): Dim {
  const truth =
    op === 'lt'
      ? D.lessThan(a, b)
      : op === 'gt'
        ? D.lessThan(b, a)
        : op === 'le'
          ? negate(D.lessThan(b, a))
          : op === 'ge'
            ? negate(D.lessThan(a, b))
            : op === 'eq'
              ? D.equals(a, b)
              : negate(D.equals(a, b));
  if (truth === undefined) throw UNKNOWN;
  return truth ? 1 : 0;
}

const negate = (truth: boolean | undefined): boolean | undefined => (truth === undefined ? undefined : !truth);
