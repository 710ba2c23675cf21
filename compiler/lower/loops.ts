import { InfcError } from '../../runtime/errors.ts';
import {
  add,
  ceilDiv,
  coefficientOf,
  collectSyms,
  type Dim,
  min as dimMin,
  floorDiv,
  isStatic,
  mul,
  product,
  range,
  sub,
  sym,
} from '../ir/dim.ts';
import { bitsOf, isComplex } from '../ir/dtype.ts';
import { type Buffer, dimValue, type Expr, type Width } from '../ir/expr.ts';
import { asReal, type TensorType, type Value } from '../ir/graph.ts';
import type { KernelNote } from '../ir/kernel.ts';
import { KernelBuilder, visitExpr } from '../ir/kernel-builder.ts';
import { ElementEvaluator, elementsOf, ravel, unravel } from './element.ts';
import { Emitter } from './emit.ts';
import { constantScalar, guess, isInRegion, type LowerContext, type Region, typeOf } from './region.ts';
import { symbolsOf } from './substitute.ts';
import type { KernelArgument, LoweredKernel } from './template.ts';
import { isVectorizable } from './vectorizable.ts';

/** Buffers of a kernel under construction, one per graph value, in order of first use. */
export class Bindings {
  readonly args: KernelArgument[] = [];
  private readonly buffers = new Map<string, Buffer>();

  constructor(private readonly k: KernelBuilder) {}

  read(value: Value): Buffer {
    return this.once(`v${value.id}`, { kind: 'value', value }, value.type, 'read');
  }

  write(value: Value): Buffer {
    return this.once(`v${value.id}`, { kind: 'value', value }, value.type, 'write');
  }

  once(
    key: string,
    arg: KernelArgument,
    type: TensorType,
    access: Buffer['access'],
    traits: Pick<Buffer, 'finite'> = {},
  ): Buffer {
    const old = this.buffers.get(key);
    if (old) {
      if (access === 'write' && old.access === 'read')
        throw new InfcError('INFC3004', `a kernel reads and writes value '${key}'`);
      return old;
    }
    const real = asReal(type);
    const b = this.k.buffer(`b${this.buffers.size}`, real.dtype, access, elementsOf(real), traits);
    this.buffers.set(key, b);
    this.args.push(arg);
    return b;
  }
}

/** An index below `extent` that is an element of a value, read where the kernel runs. */
type IndexFrom = (value: Value, coords: readonly Dim[], extent: Dim) => Dim;

/** Where a region's output goes: its own value, or a block of a larger one that begins at `starts`, or wherever `map` says. */
export interface Place {
  readonly value: Value;
  readonly starts: readonly Dim[];
  readonly map?: (coords: readonly Dim[], index: IndexFrom) => readonly Dim[];
}

const positionIn = (place: Place, coords: readonly Dim[], index: IndexFrom): Dim =>
  ravel(
    place.map?.(coords, index) ?? coords.map((c, i) => add(c, place.starts[i] ?? 0)),
    asReal(place.value.type).shape,
  );

/** For looking at places before there is a kernel. */
const anyIndex: IndexFrom = (_, __, extent) => sym('place', { max: sub(extent, 1) });

/** How the output coordinates of a region are walked: `outer` axes one item each, `inner` axes as one flat loop. */
interface Shape {
  readonly outer: readonly Dim[];
  readonly inner: readonly Dim[];
}

/**
 * Lowers a region without template: the element expression of its output, in loops. Folds that do not depend on the inner axes run once
 * per outer item (softmax, norms); the flat inner loop is vectorised when its loads are contiguous.
 */
export function lowerRegion(
  region: Region,
  context: LowerContext,
  place: Place = { value: region.output, starts: [] },
): LoweredKernel {
  if (place.value.type.shape.includes(0) || region.output.type.shape.includes(0))
    return lowerNothing(region, context, place);
  return context.target.kernels === 'simd' ? lowerSimd(region, context, place) : lowerSimt(region, context, place);
}

/** An output without elements: a kernel with nothing to do (indices into an empty tensor have no meaning). */
function lowerNothing(region: Region, context: LowerContext, place: Place): LoweredKernel {
  const k = new KernelBuilder(context.name(region), context.target.kernels, 1, [0, 1, 1]);
  const bindings = new Bindings(k);
  bindings.write(place.value);
  return finish(k, bindings, region, place, 'empty', false);
}

/** Elements of a region's output; a complex number is asked for part by part, its last coordinate telling which. */
class RegionElements {
  private readonly evaluator: ElementEvaluator;
  private part: Dim = 0;

  constructor(
    private readonly region: Region,
    context: LowerContext,
    k: KernelBuilder,
    bindings: Bindings,
    prefix: string,
  ) {
    this.evaluator = new ElementEvaluator(
      context.ops,
      {
        read: (v, position) =>
          constantScalar(v) ??
          k.load(bindings.read(v), isComplex(v.type.dtype) ? add(mul(position, 2), this.part) : position),
        isInside: isInRegion(region),
        typeOf,
      },
      prefix,
    );
  }

  get indices(): Map<string, Expr> {
    return this.evaluator.indices;
  }

  /** Where the element at `coords` goes; what the place reads is defined by `emitter`. */
  placeOf(place: Place, coords: readonly Dim[], emitter: Emitter): Dim {
    const { evaluator } = this;
    const at = positionIn(place, coords, (v, c, extent) => evaluator.index(evaluator.at(v, c), extent));
    if (place.map) emitter.value(dimValue(at));
    return at;
  }

  /** `coords` in the output as memory holds it. */
  at(coords: readonly Dim[]): Expr {
    const { output } = this.region;
    const rank = output.type.shape.length;
    this.part = coords[rank] ?? 0;
    return this.evaluator.at(output, coords.slice(0, rank));
  }
}

/** A builder whose result is thrown away: for looking at expressions before choosing loops. */
function probe(region: Region, context: LowerContext, coords: readonly Dim[]): { e: Expr; indices: Map<string, Expr> } {
  const k = new KernelBuilder('probe', 'simd', 1, [1, 1, 1]);
  const elements = new RegionElements(region, context, k, new Bindings(k), '');
  return { e: elements.at(coords), indices: elements.indices };
}

const axisSyms = (shape: readonly Dim[]): Dim[] =>
  shape.map((d, i) => (d === 1 ? 0 : sym(`c${i}`, { max: sub(d, 1) })));

/** Number of leading axes that folds with a loop depend on; 0 when there is no fold, rank when some fold needs every axis. */
function foldDepth(e: Expr, indices: ReadonlyMap<string, Expr>, rank: number): { hasFold: boolean; depth: number } {
  let depth = 0;
  let hasFold = false;
  const seen = new Set<Expr>();
  const visit = (x: Expr): void => {
    if (seen.has(x)) return;
    seen.add(x);
    if (x.node.kind === 'foldResult') {
      hasFold = true;
      const names = symbolsOf(x, indices);
      for (let i = rank; i > depth; i--) if (names.has(`c${i - 1}`)) depth = i;
    }
    visitExpr(x, visit, (d) => {
      for (const name of collectSyms(d).keys()) {
        const definition = indices.get(name);
        if (definition) visit(definition);
      }
    });
  };
  visit(e);
  return { hasFold, depth };
}

interface Choice {
  readonly shape: Shape;
  readonly vector: boolean;
  /** Folds that every element needs, computed once per work item. */
  readonly hoisted: boolean;
  readonly hasFold: boolean;
  /** Iterations of the largest fold. */
  readonly trips: number;
}

function chooseShape(region: Region, context: LowerContext, place: Place): Choice {
  const { dtype, shape: dims } = asReal(region.output.type);
  const rank = dims.length;
  const { e, indices } = probe(region, context, axisSyms(dims));
  const { hasFold, depth } = foldDepth(e, indices, rank);
  const trips = largestFold(e);
  const choice = (from: number, vector: boolean): Choice => ({
    shape: { outer: dims.slice(0, from), inner: dims.slice(from) },
    vector,
    hoisted: hasFold && depth < rank,
    hasFold,
    trips,
  });
  const narrow = bitsOf[dtype] <= 32 && bitsOf[dtype] >= 8;
  const least = hasFold ? depth : 0;
  const canVector = (from: number): boolean => {
    const outer = dims.slice(0, from);
    const inner = dims.slice(from);
    const total = product(inner);
    if (isStatic(total) && total < 8) return false;
    const f = sym('f', { max: sub(total, 1) });
    const coords = [...axisSyms(outer), ...unravel(f, inner)];
    if (coefficientOf(positionIn(place, coords, anyIndex), 'f') !== 1) return false;
    const p = probe(region, context, coords);
    return isVectorizable(p.e, 'f', p.indices);
  };
  if (narrow && context.target.vectorBytes >= 16) {
    for (let from = hasFold && depth === rank ? 0 : least; from < rank; from++) {
      if (canVector(from)) return choice(from, true);
    }
  }
  if (hasFold && depth < rank) return choice(depth, false);
  return choice(hasFold ? rank : Math.max(0, rank - 1), false);
}

/** Elements one work item should at least compute, so that a launch is not all bookkeeping. */
const ITEM_ELEMENTS = 16384;

const blockOf = (trips: number): number => Math.max(64, (ITEM_ELEMENTS / Math.max(1, trips)) & ~3);

function lowerSimd(region: Region, context: LowerContext, place: Place): LoweredKernel {
  const { shape, hasFold, vector, hoisted, trips } = chooseShape(region, context, place);
  const rows = product(shape.outer);
  const columns = product(shape.inner);
  // One long flat loop is cut into blocks so that threads can share it.
  const block = shape.outer.length === 0 && !hoisted ? blockOf(trips) : undefined;
  const grid = block === undefined ? rows : ceilDiv(columns, block);
  const k = new KernelBuilder(context.name(region), 'simd', 1, [grid, 1, 1]);
  const bindings = new Bindings(k);
  const width: Width = context.target.vectorBytes >= 16 ? 4 : 1;
  const makeElements = (prefix: string) => new RegionElements(region, context, k, bindings, prefix);
  const main = makeElements('');
  const out = (): Buffer => bindings.write(place.value);
  const outer = unravel(k.group.x, shape.outer);
  const emitter = new Emitter(k, main.indices, width);
  if (columns === 1) {
    const coords = [...outer, ...shape.inner.map(() => 0)];
    const e = main.at(coords);
    emitter.count([e]);
    k.store(out(), main.placeOf(place, coords, emitter), emitter.value(e));
  } else {
    const from: Dim = block === undefined ? 0 : mul(k.group.x, block);
    const to: Dim = block === undefined ? columns : minOf(columns, add(from, block), grid);
    const coordsAt = (f: Dim): Dim[] => [...outer, ...unravel(f, shape.inner)];
    const element = (elements: RegionElements, f: Dim): Expr => elements.at(coordsAt(f));
    const whole = vector
      ? block === undefined
        ? mul(floorDiv(columns, width), width)
        : add(from, mul(floorDiv(sub(to, from), width), width))
      : from;
    if (vector) {
      const name = 'f';
      const index = loopSym(name, columns, from, width);
      const e = element(main, index);
      emitter.count([e]);
      emitter.for(
        from,
        whole,
        width,
        () => {
          const at = main.placeOf(place, coordsAt(index), emitter);
          k.store(out(), at, emitter.vector(e, name, width));
        },
        name,
      );
    }
    if (!vector || !isStatic(columns) || columns % width !== 0) {
      const tail = vector ? makeElements('t') : main;
      const name = vector ? 'g' : 'f';
      const index = loopSym(name, columns, 0, 1);
      const e = element(tail, index);
      const last = vector ? new Emitter(k, tail.indices, width, 't') : emitter;
      last.count([e]);
      last.for(
        whole,
        to,
        1,
        () => {
          const at = tail.placeOf(place, coordsAt(index), last);
          k.store(out(), at, last.value(e));
        },
        name,
      );
    }
  }
  return finish(k, bindings, region, place, vector ? 'auto-vector' : 'auto-scalar', hasFold);
}

const loopSym = (name: string, columns: Dim, from: Dim, step: number): Dim =>
  sym(name, { max: sub(columns, 1), multipleOf: step > 1 && from === 0 ? step : 1 });

const minOf = (a: Dim, b: Dim, grid: Dim): Dim => (grid === 1 ? a : dimMin(a, b));

/** Lanes of a workgroup for automatically lowered simt kernels. */
const LANES = 64;

function lowerSimt(region: Region, context: LowerContext, place: Place): LoweredKernel {
  const dims = asReal(region.output.type).shape;
  const rank = dims.length;
  const p = probe(region, context, axisSyms(dims));
  const { hasFold, depth } = foldDepth(p.e, p.indices, rank);
  const total = product(dims);
  const rows = hasFold ? product(dims.slice(0, depth)) : 1;
  const trips = largestFold(p.e);
  // A workgroup per row pays when the row's folds are long; short folds are one lane's work.
  const cooperative = hasFold && trips >= 64 && (depth < rank || range(rows).max <= 65536 || trips >= 256);
  if (!cooperative) {
    const k = new KernelBuilder(context.name(region), 'simt', LANES, [ceilDiv(total, LANES), 1, 1]);
    const bindings = new Bindings(k);
    const elements = new RegionElements(region, context, k, bindings, '');
    const f = sym('f', { max: sub(total, 1) });
    const coords = unravel(f, dims);
    const e = elements.at(coords);
    const emitter = new Emitter(k, elements.indices);
    emitter.count([e]);
    k.let(dimValue(add(mul(k.group.x, LANES), k.lane)), 'f', true);
    const write = () =>
      k.store(bindings.write(place.value), elements.placeOf(place, coords, emitter), emitter.value(e));
    if (isStatic(total) && total % LANES === 0) write();
    else emitter.if(dimValue(f).lt(dimValue(total)), write);
    return finish(k, bindings, region, place, 'auto-lane', hasFold);
  }
  const inner = dims.slice(depth);
  const columns = product(inner);
  const k = new KernelBuilder(context.name(region), 'simt', LANES, [rows, 1, 1]);
  const bindings = new Bindings(k);
  const elements = new RegionElements(region, context, k, bindings, '');
  const f = sym('f', { max: sub(columns, 1), min: 0 });
  const coordsAt = (position: Dim): Dim[] => [...unravel(k.group.x, dims.slice(0, depth)), ...unravel(position, inner)];
  const e = elements.at(coordsAt(f));
  const emitter = new Emitter(k, elements.indices);
  emitter.cooperate(LANES);
  emitter.count([e]);
  emitter.prepareFolds(e);
  const store = (position: Dim) =>
    k.store(bindings.write(place.value), elements.placeOf(place, coordsAt(position), emitter), emitter.value(e));
  if (columns === 1) emitter.if(dimValue(k.lane).eq(0), () => store(0));
  else emitter.for(k.lane, columns, LANES, () => store(f), 'f');
  return finish(k, bindings, region, place, 'auto-row', hasFold);
}

function largestFold(e: Expr): number {
  let most = 0;
  const seen = new Set<Expr>();
  const visit = (x: Expr): void => {
    if (seen.has(x)) return;
    seen.add(x);
    if (x.node.kind === 'foldResult') {
      const trips = x.node.fold.loops.reduce((n, l) => n * guess(l.extent), 1);
      if (trips > most) most = trips;
    }
    visitExpr(x, visit, () => {});
  };
  visit(e);
  return most;
}

function finish(
  k: KernelBuilder,
  bindings: Bindings,
  region: Region,
  place: Place,
  template: string,
  hasFold: boolean,
): LoweredKernel {
  // A block of a larger value counts alone.
  const typeIn = (v: Value): TensorType => (v === place.value ? region.output.type : v.type);
  const bytes = bindings.args.reduce<Dim>((sum, a) => add(sum, a.kind === 'value' ? bytesOf(typeIn(a.value)) : 0), 0);
  const note: KernelNote = {
    op: region.output.producer?.op ?? 'copy',
    sources: region.nodes.map((n) => n.source.name),
    template,
    why: hasFold ? 'reduction lowered from the element expression' : 'elementwise and movement ops fused into one loop',
    bytes,
    flops: mul(elementsOf(region.output.type), region.nodes.length),
  };
  return { kernel: k.done(note), args: bindings.args };
}

export const bytesOf = (type: TensorType): Dim => ceilDiv(mul(elementsOf(type), bitsOf[type.dtype]), 8);
