import { type Atom, collectSyms, type Dim, type Sym } from '../../compiler/ir/dim.ts';
import type { Expr } from '../../compiler/ir/expr.ts';
import { visitExpr } from '../../compiler/ir/kernel-builder.ts';
import { InfcError } from '../../runtime/errors.ts';
import { AccessFault, type CheckedBuffer } from './memory.ts';
import {
  type Binary,
  binaryFunction,
  bitcastFunction,
  castFunction,
  fmaFunction,
  isBig,
  narrowFunction,
  type Scalar,
  unaryFunction,
} from './scalar.ts';

/** A value of one lane: `width` scalars. Scalars of width 1 are arrays of one, so that every operation reads the same. */
export type Value = readonly Scalar[];
export type Evaluate = (lane: number) => Value;
export type EvaluateDim = (lane: number) => number;

/** What an intrinsic means, for each lane alone. */
export type IntrinsicMeaning = (args: readonly Value[]) => Value;

/** Everything expressions refer to, shared with the statements. */
export interface Frame {
  readonly lanes: number;
  readonly subgroupSize: number;
  /** Values of lets, vars, loop indices and predefined symbols, by name, then lane. */
  readonly values: Map<string, (Value | undefined)[]>;
  /** How a computed index breaks the bounds its symbol declares, by name, then lane: an error once an address depends on it. */
  readonly broken: Map<string, (string | undefined)[]>;
  readonly buffers: ReadonlyMap<string, CheckedBuffer>;
  readonly scalars: ReadonlyMap<string, number>;
  readonly intrinsics: ReadonlyMap<string, IntrinsicMeaning>;
  /** Changes with each execution of a statement: shared subexpressions are computed once within it. */
  stamp: number;
}

/** An expression ready to run: `prepare` runs the subgroup operations for the active lanes, then `of` yields each lane's value. */
export interface CompiledExpr {
  prepare(active: readonly number[]): void;
  of(lane: number): Value;
}

const toNumber = (v: Scalar | undefined): number => (typeof v === 'number' ? v : Number(v ?? Number.NaN));

/** The slot of a named value. */
export function slotOf(frame: Frame, name: string): (Value | undefined)[] {
  let slot = frame.values.get(name);
  if (!slot) {
    slot = new Array<Value | undefined>(frame.lanes).fill(undefined);
    frame.values.set(name, slot);
  }
  return slot;
}

function symbolReader(s: Sym, frame: Frame): EvaluateDim {
  const fixed = frame.scalars.get(s.name);
  if (fixed !== undefined) return () => fixed;
  const slot = slotOf(frame, s.name);
  return (lane) => {
    const v = slot[lane];
    if (!v) throw new AccessFault('INFC4014', `'${s.name}' is used where it has no value`);
    return toNumber(v[0]);
  };
}

const I32_MAX = 2147483647;

/** An index expression as a function of the lane. Throws when the result does not fit a 32-bit index. */
export function compileDim(dim: Dim, frame: Frame): EvaluateDim {
  const inner = dimFunction(dim, frame);
  return (lane) => {
    const v = inner(lane);
    if (v > I32_MAX || v < -I32_MAX - 1) throw new AccessFault('INFC4015', `index ${v} does not fit 32 bits`);
    return v;
  };
}

/** The address of an access: an index expression whose symbols must keep the bounds they declare. */
export function compileIndex(dim: Dim, frame: Frame): EvaluateDim {
  const index = compileDim(dim, frame);
  const symbols = [...collectSyms(dim).keys()].map((name) => brokenSlot(frame, name));
  return (lane) => {
    for (const broken of symbols) {
      const how = broken[lane];
      if (how !== undefined) throw new AccessFault('INFC4019', how);
    }
    return index(lane);
  };
}

/** Where broken bounds of a symbol are noted. */
export function brokenSlot(frame: Frame, name: string): (string | undefined)[] {
  let slot = frame.broken.get(name);
  if (!slot) {
    slot = new Array<string | undefined>(frame.lanes).fill(undefined);
    frame.broken.set(name, slot);
  }
  return slot;
}

function dimFunction(dim: Dim, frame: Frame): EvaluateDim {
  if (typeof dim === 'number') return () => dim;
  const terms = dim.terms.map((t) => ({
    coefficient: t.coefficient,
    factors: t.factors.map((f) => atomFunction(f, frame)),
  }));
  return (lane) => {
    let sum = dim.constant;
    for (const t of terms) {
      let p = t.coefficient;
      for (const f of t.factors) p *= f(lane);
      sum += p;
    }
    return sum;
  };
}

function atomFunction(f: Atom, frame: Frame): EvaluateDim {
  if (f.kind === 'sym') return symbolReader(f, frame);
  const a = compileDim(f.a, frame);
  const b = compileDim(f.b, frame);
  switch (f.kind) {
    case 'div':
      return (lane) => Math.floor(a(lane) / positive(b(lane)));
    case 'mod':
      return (lane) => {
        const x = a(lane);
        const y = positive(b(lane));
        return x - Math.floor(x / y) * y;
      };
    case 'min':
      return (lane) => Math.min(a(lane), b(lane));
    case 'max':
      return (lane) => Math.max(a(lane), b(lane));
  }
}

function positive(d: number): number {
  if (d <= 0) throw new AccessFault('INFC4016', `division of an index by ${d}`);
  return d;
}

/** Turns an expression into closures over the frame. Throws InfcError for a kernel that is malformed whatever the data. */
export function compileExpr(root: Expr, frame: Frame): CompiledExpr {
  const uses = countUses(root);
  const compiled = new Map<Expr, Evaluate>();
  const subgroups: ((active: readonly number[]) => void)[] = [];

  const compile = (e: Expr, lazy: boolean): Evaluate => {
    const done = compiled.get(e);
    if (done) return done;
    const plain = compileNode(e, lazy);
    const f = (uses.get(e) ?? 0) > 1 && e.node.kind !== 'const' && e.node.kind !== 'var' ? memo(plain, frame) : plain;
    compiled.set(e, f);
    return f;
  };

  const map1 = (a: Evaluate, f: (x: Scalar) => Scalar): Evaluate => {
    return (lane) => {
      const x = a(lane);
      return x.length === 1 && x[0] !== undefined ? [f(x[0])] : x.map(f);
    };
  };
  const map2 = (a: Evaluate, b: Evaluate, f: Binary): Evaluate => {
    return (lane) => {
      const x = a(lane);
      const y = b(lane);
      const x0 = x[0];
      const y0 = y[0];
      if (x.length === 1 && y.length === 1 && x0 !== undefined && y0 !== undefined) return [f(x0, y0)];
      return x.map((v, i) => f(v, at(y, i)));
    };
  };

  const compileNode = (e: Expr, lazy: boolean): Evaluate => {
    const n = e.node;
    switch (n.kind) {
      case 'const': {
        const v: Value = [isBig(e.type) ? BigInt(n.value) : castFunction('f64', e.type)(Number(n.value))];
        return () => v;
      }
      case 'dim': {
        const d = compileDim(n.dim, frame);
        return (lane) => [d(lane)];
      }
      case 'var': {
        const fixed = frame.scalars.get(n.name);
        if (fixed !== undefined) return () => [fixed];
        const slot = slotOf(frame, n.name);
        return (lane) => {
          const v = slot[lane];
          if (!v) throw new AccessFault('INFC4014', `'${n.name}' is used where it has no value`);
          return v;
        };
      }
      case 'load': {
        const buffer = bufferOf(frame, n.buffer.name);
        const index = compileIndex(n.index, frame);
        const width = e.width;
        if (width === 1) return (lane) => [buffer.read(index(lane), lane)];
        return (lane) => {
          const i = index(lane);
          return Array.from({ length: width }, (_, k) => buffer.readLane(i, k, lane));
        };
      }
      case 'unary':
        return map1(compile(n.a, lazy), unaryFunction(n.op, n.a.type));
      case 'binary':
        return map2(compile(n.a, lazy), compile(n.b, lazy), binaryFunction(n.op, n.a.type));
      case 'fma': {
        const [a, b, c] = [compile(n.a, lazy), compile(n.b, lazy), compile(n.c, lazy)];
        const f = fmaFunction(e.type);
        return (lane) => {
          const [x, y, z] = [a(lane), b(lane), c(lane)];
          return x.map((v, i) => f(v, at(y, i), at(z, i)));
        };
      }
      case 'select': {
        const [c, a, b] = [compile(n.condition, lazy), compile(n.a, lazy), compile(n.b, lazy)];
        return (lane) => {
          const [t, x, y] = [c(lane), a(lane), b(lane)];
          return x.map((v, i) => (at(t, i) !== 0 ? v : at(y, i)));
        };
      }
      case 'guard': {
        const c = compile(n.condition, lazy);
        const a = compile(n.a, true);
        const b = compile(n.otherwise, true);
        if (n.condition.width !== 1) throw new InfcError('INFC4003', 'a guard needs a condition of width 1');
        const width = e.width;
        return (lane) => {
          if (at(c(lane), 0) !== 0) return a(lane);
          const v = b(lane);
          return v.length === width ? v : new Array<Scalar>(width).fill(at(v, 0));
        };
      }
      case 'cast':
        return map1(compile(n.a, lazy), castFunction(n.a.type, e.type));
      case 'bitcast':
        return map1(compile(n.a, lazy), bitcastFunction(n.a.type, e.type));
      case 'narrow':
        return map1(compile(n.a, lazy), narrowFunction(e.type, n.to));
      case 'splat': {
        const a = compile(n.a, lazy);
        const width = e.width;
        return (lane) => new Array<Scalar>(width).fill(at(a(lane), 0));
      }
      case 'halves': {
        const a = compile(n.a, lazy);
        return (lane) => {
          const x = a(lane);
          return Array.from(
            { length: e.width },
            (_, i) => ((toNumber(at(x, 2 * i)) & 0xffff) | (toNumber(at(x, 2 * i + 1)) << 16)) >>> 0,
          );
        };
      }
      case 'pack': {
        const parts = n.elements.map((x) => compile(x, lazy));
        return (lane) => parts.map((p) => at(p(lane), 0));
      }
      case 'extract': {
        const a = compile(n.a, lazy);
        return (lane) => [at(a(lane), n.lane)];
      }
      case 'shuffle': {
        const [a, b] = [compile(n.a, lazy), compile(n.b, lazy)];
        return (lane) => {
          const all = [...a(lane), ...b(lane)];
          return n.lanes.map((i) => at(all, i));
        };
      }
      case 'dot2':
      case 'dot4': {
        const [a, b, c] = [compile(n.a, lazy), compile(n.b, lazy), compile(n.c, lazy)];
        const dot = n.kind === 'dot2' ? dotHalves : dotBytes;
        return (lane) => {
          const [x, y, z] = [a(lane), b(lane), c(lane)];
          return z.map((v, i) => (toNumber(v) + dot(toNumber(at(x, i)), toNumber(at(y, i)))) | 0);
        };
      }
      case 'subgroup': {
        if (lazy)
          throw new InfcError('INFC4004', `subgroup ${n.op} inside a guard: lanes would disagree about running it`);
        const a = compile(n.a, lazy);
        const results: Value[] = new Array<Value>(frame.lanes).fill([]);
        subgroups.push((active) => {
          if (active.length !== frame.lanes)
            throw new AccessFault(
              'INFC4017',
              `subgroup ${n.op} in divergent control flow: ${active.length} of ${frame.lanes} lanes`,
            );
          const values = active.map((lane) => a(lane));
          reduceSubgroups(n.op, n.mask, e, values, frame.subgroupSize, results);
        });
        return (lane) => results[lane] ?? [];
      }
      case 'intrinsic': {
        const meaning = frame.intrinsics.get(n.name);
        if (!meaning)
          throw new InfcError('INFC4005', `intrinsic '${n.name}' has no meaning here`, {
            fix: 'Pass its meaning to the interpreter',
          });
        const args = n.args.map((x) => compile(x, lazy));
        return (lane) => meaning(args.map((f) => f(lane)));
      }
      case 'foldResult':
        throw new InfcError('INFC4006', 'a fold reached the interpreter: lowering expands folds into loops');
    }
  };

  const f = compile(root, false);
  return {
    prepare: (active) => {
      for (const run of subgroups) run(active);
    },
    of: f,
  };
}

function countUses(root: Expr): Map<Expr, number> {
  const uses = new Map<Expr, number>();
  const visit = (e: Expr): void => {
    const n = uses.get(e) ?? 0;
    uses.set(e, n + 1);
    if (n === 0) visitExpr(e, visit, () => undefined);
  };
  visit(root);
  return uses;
}

/** Caches per lane for one execution of a statement: shared subexpressions cost once, laziness is kept. */
function memo(f: Evaluate, frame: Frame): Evaluate {
  const stamps = new Int32Array(frame.lanes).fill(-1);
  const values: Value[] = [];
  return (lane) => {
    const old = values[lane];
    if (old && stamps[lane] === frame.stamp) return old;
    const v = f(lane);
    values[lane] = v;
    stamps[lane] = frame.stamp;
    return v;
  };
}

function at(v: Value, i: number): Scalar {
  const x = v[i];
  if (x === undefined) throw new InfcError('INFC4003', `component ${i} of a value of width ${v.length}`);
  return x;
}

export function bufferOf(frame: Frame, name: string): CheckedBuffer {
  const b = frame.buffers.get(name);
  if (!b) throw new InfcError('INFC4007', `buffer '${name}' is used but not declared by the kernel`);
  return b;
}

const signedByte = (word: number, i: number): number => (word << (24 - 8 * i)) >> 24;

export function dotBytes(a: number, b: number): number {
  let sum = 0;
  for (let i = 0; i < 4; i++) sum += signedByte(a, i) * signedByte(b, i);
  return sum;
}

/** Dot product of two words as two signed 16-bit halves. */
const dotHalves = (a: number, b: number): number => ((a << 16) >> 16) * ((b << 16) >> 16) + (a >> 16) * (b >> 16);

/** Lanes are numbered through subgroups in order. Sums are taken pairwise, as hardware shuffles do. */
function reduceSubgroups(
  op: string,
  mask: number,
  e: Expr,
  values: readonly Value[],
  size: number,
  results: Value[],
): void {
  for (let first = 0; first < values.length; first += size) {
    const members = values.slice(first, first + size);
    if (op === 'broadcastFirst') {
      for (let i = 0; i < members.length; i++) results[first + i] = members[0] ?? [];
    } else if (op === 'shuffleXor') {
      for (let i = 0; i < members.length; i++) {
        const from = members[i ^ mask];
        if (!from)
          throw new AccessFault('INFC4018', `shuffleXor by ${mask} leaves a subgroup of ${members.length} lanes`);
        results[first + i] = from;
      }
    } else {
      const f = binaryFunction(op === 'add' ? 'add' : op === 'max' ? 'max' : 'min', e.type);
      let level: Value[] = members;
      while (level.length > 1) {
        const next: Value[] = [];
        for (let i = 0; i < level.length; i += 2) {
          const a = level[i] ?? [];
          const b = level[i + 1];
          next.push(b ? a.map((v, k) => f(v, at(b, k))) : a);
        }
        level = next;
      }
      for (let i = 0; i < members.length; i++) results[first + i] = level[0] ?? [];
    }
  }
}
