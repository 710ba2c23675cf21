import type { Dim } from './dim.ts';
import type { ScalarType } from './dtype.ts';

/** How many values an expression holds side by side: 1 is a scalar, 4 is one v128 of 32-bit lanes, 16 one of bytes. */
export type Width = 1 | 2 | 4 | 8 | 16;

/** Functions that are computed by approximation, each many times the work of an addition. */
export const transcendentalOps = [
  ...(['exp', 'exp2', 'log', 'log2', 'sin', 'cos', 'tan', 'asin', 'acos', 'atan'] as const),
  ...(['sinh', 'cosh', 'tanh', 'asinh', 'acosh', 'atanh', 'erf'] as const),
] as const;
/** round = to nearest, ties to even; not = logical on bool, bitwise on integers. */
export const unaryOps = [
  ...(['neg', 'abs', 'not', 'floor', 'ceil', 'trunc', 'round', 'sqrt', 'popcount', 'clz', 'isnan'] as const),
  ...transcendentalOps,
] as const;
export type UnaryOp = (typeof unaryOps)[number];

/** The result is bool. */
export const comparisonOps = ['lt', 'le', 'gt', 'ge', 'eq', 'ne'] as const;
/**
 * On integers div truncates, rem has the sign of the dividend, and both give 0 for a zero divisor. min and max propagate NaN. shr is
 * arithmetic on signed types; amounts of shifts count modulo the width.
 */
export const binaryOps = [
  ...(['add', 'sub', 'mul', 'div', 'rem', 'min', 'max', 'pow', 'atan2', 'and', 'or', 'xor', 'shl', 'shr'] as const),
  ...comparisonOps,
] as const;
export type BinaryOp = (typeof binaryOps)[number];

/** A buffer a kernel reads or writes. `storage` is the element type in memory; loads widen to `computeType(storage)`. */
export interface Buffer {
  readonly name: string;
  readonly storage: import('./dtype.ts').DType;
  readonly space: 'global' | 'shared';
  readonly access: 'read' | 'write' | 'read_write';
  /** Length in elements; bounds checks and the memory planner use it. */
  readonly elements: Dim;
  /** Its floats are neither NaN nor infinite: whoever fills the buffer made sure. */
  readonly finite?: true;
}

/** Reduction over loop symbols: see {@link fold}. */
export interface Fold {
  readonly kind: 'fold';
  /** A known monoid, so that lowering may split it across lanes or vectors; `general` keeps the given order. */
  readonly monoid: 'sum' | 'prod' | 'max' | 'min' | 'and' | 'or' | 'general';
  readonly loops: readonly { readonly name: string; readonly extent: Dim }[];
  readonly init: readonly Expr[];
  /** Names by which `next` refers to the running values. */
  readonly state: readonly string[];
  readonly next: readonly Expr[];
}

export type ExprNode =
  | { readonly kind: 'const'; readonly value: number | bigint }
  | { readonly kind: 'dim'; readonly dim: Dim } // i32 value of an index expression
  | { readonly kind: 'var'; readonly name: string } // a let, var or kernel scalar
  | { readonly kind: 'load'; readonly buffer: Buffer; readonly index: Dim } // `width` consecutive elements
  | { readonly kind: 'unary'; readonly op: UnaryOp; readonly a: Expr }
  | { readonly kind: 'binary'; readonly op: BinaryOp; readonly a: Expr; readonly b: Expr }
  | { readonly kind: 'fma'; readonly a: Expr; readonly b: Expr; readonly c: Expr } // a*b+c, fused where the target is fast at it
  | { readonly kind: 'select'; readonly condition: Expr; readonly a: Expr; readonly b: Expr } // condition ? a : b, both evaluated
  | { readonly kind: 'cast'; readonly a: Expr } // to this.type; float to integer truncates and saturates, NaN to 0; integers wrap
  | { readonly kind: 'bitcast'; readonly a: Expr }
  | { readonly kind: 'narrow'; readonly a: Expr; readonly to: import('./dtype.ts').DType } // round trip through a narrower dtype
  | { readonly kind: 'splat'; readonly a: Expr }
  | { readonly kind: 'halves'; readonly a: Expr } // neighbouring i32 lanes as the two 16-bit halves (low first) of one u32 word
  | { readonly kind: 'pack'; readonly elements: readonly Expr[] }
  | { readonly kind: 'extract'; readonly a: Expr; readonly lane: number }
  | { readonly kind: 'shuffle'; readonly a: Expr; readonly b: Expr; readonly lanes: readonly number[] } // lanes of a ++ b
  | { readonly kind: 'dot2'; readonly a: Expr; readonly b: Expr; readonly c: Expr } // two int16 products per 32-bit lane, plus c (i32)
  | { readonly kind: 'dot4'; readonly a: Expr; readonly b: Expr; readonly c: Expr } // four int8 products per 32-bit lane, plus c (i32)
  | {
      readonly kind: 'subgroup';
      readonly op: 'add' | 'max' | 'min' | 'broadcastFirst' | 'shuffleXor';
      readonly a: Expr;
      readonly mask: number;
    }
  | { readonly kind: 'intrinsic'; readonly name: string; readonly args: readonly Expr[] }
  | { readonly kind: 'guard'; readonly condition: Expr; readonly a: Expr; readonly otherwise: Expr } // lazy select: just one of `a` and `otherwise` runs
  | { readonly kind: 'foldResult'; readonly fold: Fold; readonly index: number };

export type Operand = Expr | number | bigint | boolean;

const lift = (v: Operand, like: ScalarType): Expr => (v instanceof Expr ? v : constant(like, v));

/**
 * A typed scalar or short-vector expression, immutable. Methods build larger expressions; nothing is evaluated.
 * Binary operands must agree in type; a scalar combined with a vector is splat.
 */
export class Expr {
  constructor(
    readonly type: ScalarType,
    readonly width: Width,
    readonly node: ExprNode,
  ) {}

  private unary(op: UnaryOp, type: ScalarType = this.type): Expr {
    return new Expr(type, this.width, { kind: 'unary', op, a: this });
  }

  binary(op: BinaryOp, other: Operand): Expr {
    let a: Expr = this;
    let b = lift(other, this.type);
    if (a.type !== b.type) throw new TypeError(`${op}: operand types ${a.type} and ${b.type} differ`);
    if (a.width !== b.width) {
      if (a.width === 1) a = a.splat(b.width);
      else if (b.width === 1) b = b.splat(a.width);
      else throw new TypeError(`${op}: widths ${a.width} and ${b.width} differ`);
    }
    const type = COMPARES.has(op) ? 'bool' : a.type;
    return new Expr(type, a.width, { kind: 'binary', op, a, b });
  }

  add(b: Operand): Expr {
    return this.binary('add', b);
  }
  sub(b: Operand): Expr {
    return this.binary('sub', b);
  }
  mul(b: Operand): Expr {
    return this.binary('mul', b);
  }
  div(b: Operand): Expr {
    return this.binary('div', b);
  }
  rem(b: Operand): Expr {
    return this.binary('rem', b);
  }
  min(b: Operand): Expr {
    return this.binary('min', b);
  }
  max(b: Operand): Expr {
    return this.binary('max', b);
  }
  pow(b: Operand): Expr {
    return this.binary('pow', b);
  }
  atan2(b: Operand): Expr {
    return this.binary('atan2', b);
  }
  and(b: Operand): Expr {
    return this.binary('and', b);
  }
  or(b: Operand): Expr {
    return this.binary('or', b);
  }
  xor(b: Operand): Expr {
    return this.binary('xor', b);
  }
  shl(b: Operand): Expr {
    return this.binary('shl', b);
  }
  shr(b: Operand): Expr {
    return this.binary('shr', b);
  }
  lt(b: Operand): Expr {
    return this.binary('lt', b);
  }
  le(b: Operand): Expr {
    return this.binary('le', b);
  }
  gt(b: Operand): Expr {
    return this.binary('gt', b);
  }
  ge(b: Operand): Expr {
    return this.binary('ge', b);
  }
  eq(b: Operand): Expr {
    return this.binary('eq', b);
  }
  ne(b: Operand): Expr {
    return this.binary('ne', b);
  }

  neg(): Expr {
    return this.unary('neg');
  }
  abs(): Expr {
    return this.unary('abs');
  }
  not(): Expr {
    return this.unary('not');
  }
  floor(): Expr {
    return this.unary('floor');
  }
  ceil(): Expr {
    return this.unary('ceil');
  }
  trunc(): Expr {
    return this.unary('trunc');
  }
  round(): Expr {
    return this.unary('round');
  }
  sqrt(): Expr {
    return this.unary('sqrt');
  }
  exp(): Expr {
    return this.unary('exp');
  }
  exp2(): Expr {
    return this.unary('exp2');
  }
  log(): Expr {
    return this.unary('log');
  }
  log2(): Expr {
    return this.unary('log2');
  }
  sin(): Expr {
    return this.unary('sin');
  }
  cos(): Expr {
    return this.unary('cos');
  }
  tan(): Expr {
    return this.unary('tan');
  }
  asin(): Expr {
    return this.unary('asin');
  }
  acos(): Expr {
    return this.unary('acos');
  }
  atan(): Expr {
    return this.unary('atan');
  }
  sinh(): Expr {
    return this.unary('sinh');
  }
  cosh(): Expr {
    return this.unary('cosh');
  }
  tanh(): Expr {
    return this.unary('tanh');
  }
  asinh(): Expr {
    return this.unary('asinh');
  }
  acosh(): Expr {
    return this.unary('acosh');
  }
  atanh(): Expr {
    return this.unary('atanh');
  }
  erf(): Expr {
    return this.unary('erf');
  }
  popcount(): Expr {
    return this.unary('popcount');
  }
  clz(): Expr {
    return this.unary('clz');
  }
  isNan(): Expr {
    return this.unary('isnan', 'bool');
  }

  fma(b: Operand, c: Operand): Expr {
    const [x, y, z] = sameWidth([this, lift(b, this.type), lift(c, this.type)]);
    return new Expr(this.type, x.width, { kind: 'fma', a: x, b: y, c: z });
  }

  /** this ? a : b */
  select(a: Expr, b: Operand): Expr {
    const [condition, x, y] = sameWidth([this, a, lift(b, a.type)]);
    if (x.type !== y.type) throw new TypeError(`select: types ${x.type} and ${y.type} differ`);
    return new Expr(x.type, x.width, { kind: 'select', condition, a: x, b: y });
  }

  /** Like select, but only the chosen side is evaluated: the other's loads may be out of bounds. */
  guard(a: Expr, otherwise: Operand): Expr {
    return new Expr(a.type, a.width, { kind: 'guard', condition: this, a, otherwise: lift(otherwise, a.type) });
  }

  cast(type: ScalarType): Expr {
    return type === this.type ? this : new Expr(type, this.width, { kind: 'cast', a: this });
  }

  bitcast(type: ScalarType): Expr {
    return type === this.type ? this : new Expr(type, this.width, { kind: 'bitcast', a: this });
  }

  /** The value after a round trip through storage of `to` (wraps integers, rounds floats); the type stays. */
  narrow(to: import('./dtype.ts').DType): Expr {
    return new Expr(this.type, this.width, { kind: 'narrow', a: this, to });
  }

  splat(width: Width): Expr {
    return width === 1 ? this : new Expr(this.type, width, { kind: 'splat', a: this });
  }

  extract(lane: number): Expr {
    return this.width === 1 ? this : new Expr(this.type, 1, { kind: 'extract', a: this, lane });
  }

  shuffle(b: Expr, lanes: readonly number[]): Expr {
    return new Expr(this.type, this.width, { kind: 'shuffle', a: this, b, lanes });
  }

  /** Pairs of neighbouring i32 lanes as u32 words: the low 16 bits of lane 2i, and of lane 2i + 1 above them. For dot2. */
  halves(): Expr {
    return new Expr('u32', (this.width / 2) as Width, { kind: 'halves', a: this });
  }

  /** c + the dot product of the two int16 halves of each 32-bit element (this and b are u32 words). */
  dot2(b: Expr, c: Expr): Expr {
    return new Expr('i32', c.width, { kind: 'dot2', a: this, b, c });
  }

  /** c + the dot product of the four int8 lanes of each 32-bit element (this and b are u32 words). */
  dot4(b: Expr, c: Expr): Expr {
    return new Expr('i32', c.width, { kind: 'dot4', a: this, b, c });
  }

  subgroupAdd(): Expr {
    return new Expr(this.type, this.width, { kind: 'subgroup', op: 'add', a: this, mask: 0 });
  }
  subgroupMax(): Expr {
    return new Expr(this.type, this.width, { kind: 'subgroup', op: 'max', a: this, mask: 0 });
  }
  subgroupMin(): Expr {
    return new Expr(this.type, this.width, { kind: 'subgroup', op: 'min', a: this, mask: 0 });
  }

  get f32(): Expr {
    return this.cast('f32');
  }
  get i32(): Expr {
    return this.cast('i32');
  }
  get u32(): Expr {
    return this.cast('u32');
  }
}

const COMPARES: ReadonlySet<BinaryOp> = new Set(comparisonOps);

function sameWidth(xs: readonly [Expr, Expr, Expr]): [Expr, Expr, Expr] {
  const width = xs.reduce<Width>((w, x) => (x.width > w ? x.width : w), 1);
  const fit = (x: Expr) => (x.width === width ? x : x.splat(width));
  return [fit(xs[0]), fit(xs[1]), fit(xs[2])];
}

export function constant(type: ScalarType, value: number | bigint | boolean): Expr {
  const wide = type === 'i64' || type === 'u64';
  const v = typeof value === 'boolean' ? Number(value) : value;
  return new Expr(type, 1, { kind: 'const', value: wide ? BigInt(v) : Number(v) });
}

/** The i32 value of an index expression. */
export const dimValue = (dim: Dim): Expr =>
  typeof dim === 'number' ? constant('i32', dim) : new Expr('i32', 1, { kind: 'dim', dim });

export const variable = (name: string, type: ScalarType, width: Width = 1): Expr =>
  new Expr(type, width, { kind: 'var', name });

export const pack = (elements: readonly Expr[]): Expr => {
  const first = elements[0];
  if (!first) throw new TypeError('pack of nothing');
  return new Expr(first.type, elements.length as Width, { kind: 'pack', elements });
};

/** Results of a fold, in the order of its state. */
export const foldResults = (fold: Fold): Expr[] =>
  fold.init.map((e, index) => new Expr(e.type, 1, { kind: 'foldResult', fold, index }));
