import { add as addDim, type Dim } from '../../compiler/ir/dim.ts';
import { bitsOf, computeType, isFloat, isSigned } from '../../compiler/ir/dtype.ts';
import { type Buffer, Expr, pack } from '../../compiler/ir/expr.ts';
import { expandMath } from '../../compiler/lower/math.ts';
import { encodeMinifloat, isMinifloat } from '../../compiler/lower/minifloat.ts';
import { InfcError } from '../../runtime/errors.ts';
import type { DimLowering } from './address.ts';
import { castScalar, castVector, evenWords, widenMask } from './convert.ts';
import { dotBytes, dotBytesVector, dotHalves } from './dot.ts';
import { ExprTable } from './expr-table.ts';
import { relaxedForms, shuffles } from './intrinsics.ts';
import {
  extractLane,
  laneBits,
  packLanes,
  partCount,
  scalarBinary,
  scalarType,
  scalarUnary,
  shuffleLanes,
  splat,
  vectorBinary,
  vectorShape,
  vectorUnary,
} from './lanes.ts';
import { type Block, block, type Machine, type Val } from './mir.ts';
import { narrowed, SCALAR_LOAD, SCALAR_STORE, widerLoad } from './storage.ts';

/** What a name stands for at a point of the kernel: its registers, and whether they can change. */
export interface Binding {
  readonly parts: readonly Val[];
  readonly mutable: boolean;
}

/** What expressions need to know of the kernel around them. */
export interface Scope {
  binding(name: string): Binding;
  /** Where the buffer starts, and since when its contents are what they are; `mutable` when the kernel also writes it. */
  buffer(buffer: Buffer): {
    readonly base: Val;
    readonly since: Block;
    readonly version: number;
    readonly mutable: boolean;
  };
  /** Changes whenever any variable or written buffer may have changed. */
  readonly epoch: number;
}

const unsupported = (what: string): InfcError =>
  new InfcError('INFC4003', `${what} cannot run on Wasm`, {
    fix: 'Keep this op on the host or cast to a supported type',
  });

/** Turns expressions into machine values; each is a list of registers (one scalar, or v128s). */
export class ExprLowering {
  private readonly memo = new Map<Block, Map<number, { parts: readonly Val[]; epoch: number | undefined }>>();
  private readonly table = new ExprTable();

  constructor(
    private readonly m: Machine,
    private readonly dims: DimLowering,
    private readonly scope: Scope,
    private readonly fused: boolean,
  ) {}

  /** The registers of an expression at the current point. */
  parts(e: Expr): readonly Val[] {
    const id = this.table.id(e);
    for (let b: Block | undefined = this.m.current; b; b = b.parent) {
      const found = this.memo.get(b)?.get(id);
      if (found && (found.epoch === undefined || found.epoch === this.scope.epoch)) return found.parts;
    }
    const parts = this.build(e);
    let here = this.memo.get(this.m.current);
    if (!here) this.memo.set(this.m.current, (here = new Map()));
    here.set(id, { parts, epoch: this.isMutable(e) ? this.scope.epoch : undefined });
    return parts;
  }

  /** The one register of a scalar or of an expression of at most 128 bits. */
  one(e: Expr): Val {
    const [v, ...more] = this.parts(e);
    if (!v || more.length > 0) throw new TypeError(`expected one register for ${e.type} x ${e.width}`);
    return v;
  }

  isMutable(e: Expr): boolean {
    return this.table.some(e, (x) => {
      const n = x.node;
      if (n.kind === 'var') return this.scope.binding(n.name).mutable;
      return n.kind === 'load' && this.scope.buffer(n.buffer).mutable;
    });
  }

  private build(e: Expr): readonly Val[] {
    const { m } = this;
    const n = e.node;
    if (e.type === 'f16') throw unsupported('f16 arithmetic');
    switch (n.kind) {
      case 'const':
        return [this.constant(e)];
      case 'dim':
        return [this.dims.value(n.dim)];
      case 'var':
        return this.scope.binding(n.name).parts;
      case 'load':
        return this.load(n.buffer, n.index, e);
      case 'unary': {
        const longer = expandMath(e);
        if (longer) return this.parts(longer);
        const type = n.a.type;
        return this.eachPart([n.a], e, {
          scalar: ([a]) => a && scalarUnary(m, n.op, type, a),
          vector: ([a]) => a && vectorUnary(m, n.op, type, e.width, a),
        });
      }
      case 'binary': {
        const longer = expandMath(e);
        if (longer) return this.parts(longer);
        const type = n.a.type;
        return this.eachPart([n.a, n.b], e, {
          scalar: ([a, b]) => a && b && scalarBinary(m, n.op, type, a, b),
          vector: ([a, b]) => a && b && vectorBinary(m, n.op, type, e.width, a, b),
        });
      }
      case 'fma':
        if (this.fused && isFloat(e.type) && e.width > 1) {
          return this.eachPart([n.a, n.b, n.c], e, {
            scalar: () => undefined,
            vector: (args) => m.op(`${vectorShape(e.type, e.width)}.relaxed_madd`, args),
          });
        }
        return this.parts(n.a.mul(n.b).add(n.c));
      case 'select':
        return this.select(e, n.condition, n.a, n.b);
      case 'cast':
        return this.cast(n.a, e);
      case 'bitcast':
        return this.bitcast(n.a, e);
      case 'narrow':
        return this.parts(narrowed(n.a, n.to));
      case 'splat': {
        const v = this.one(n.a);
        return this.splatParts(v, e);
      }
      case 'halves':
        return this.halves(n.a);
      case 'pack':
        return packLanes(
          m,
          e.type,
          e.width,
          n.elements.map((x) => this.one(x)),
        );
      case 'extract':
        return [extractLane(m, n.a.type, n.a.width, this.parts(n.a), n.lane)];
      case 'shuffle':
        return shuffleLanes(m, e, n.a, this.parts(n.a), n.b, this.parts(n.b), n.lanes);
      case 'dot2':
        return this.dot2(n.a, n.b, n.c, e);
      case 'dot4':
        return this.dot4(n.a, n.b, n.c, e);
      case 'guard':
        return this.guard(e, n.condition, n.a, n.otherwise);
      case 'intrinsic':
        return this.intrinsic(n.name, n.args);
      case 'subgroup':
        throw unsupported('a subgroup operation');
      case 'foldResult':
        throw new InfcError('INFC4004', 'a fold reached the Wasm printer: lowering turns folds into loops');
    }
  }

  private constant(e: Expr): Val {
    const value = e.node.kind === 'const' ? e.node.value : 0;
    switch (e.type) {
      case 'f32':
        return this.m.constant('f32', Math.fround(Number(value)));
      case 'f64':
        return this.m.constant('f64', Number(value));
      case 'i64':
      case 'u64':
        return this.m.constant('i64', BigInt.asIntN(64, BigInt(value)));
      default:
        return this.m.i32(Number(value));
    }
  }

  private splatParts(v: Val, e: Expr): Val[] {
    let scalar = v;
    if (e.type === 'bool') {
      scalar = this.m.op('i32.sub', [this.m.i32(0), v]);
      if (laneBits(e.type, e.width) === 64) scalar = this.m.op('i64.extend_i32_s', [scalar]);
    }
    const part = splat(this.m, vectorShape(e.type, e.width), scalar);
    return Array.from({ length: partCount(e.type, e.width) }, () => part);
  }

  /** Applies an instruction register by register, or lane by lane where there is none for registers. */
  private eachPart(
    operands: readonly Expr[],
    e: Expr,
    how: {
      scalar(args: readonly Val[]): Val | undefined;
      vector(args: readonly Val[]): Val | undefined;
    },
  ): readonly Val[] {
    const lists = operands.map((x) => this.parts(x));
    const first = operands[0];
    if (e.width === 1 || !first) {
      const v = how.scalar(lists.flat());
      if (!v) throw unsupported(`${describe(e)} on ${first?.type}`);
      return [v];
    }
    const out: Val[] = [];
    for (let i = 0; i < (lists[0]?.length ?? 0); i++) {
      const v = how.vector(lists.map((l) => l[i]).filter((x): x is Val => x !== undefined));
      if (!v) break;
      out.push(v);
    }
    if (out.length === lists[0]?.length) return this.fitMask(first, e, out);
    const lanes = Array.from({ length: e.width }, (_, lane) => {
      const v = how.scalar(operands.map((x, i) => extractLane(this.m, x.type, x.width, lists[i] ?? [], lane)));
      if (!v) throw unsupported(`${describe(e)} on ${first.type}`);
      return v;
    });
    return packLanes(this.m, e.type, e.width, lanes);
  }

  /** A comparison of 64-bit lanes gives 64-bit masks; from width 4 on, masks are 32 bits a lane. */
  private fitMask(operand: Expr, e: Expr, parts: readonly Val[]): readonly Val[] {
    if (e.type !== 'bool' || laneBits(operand.type, operand.width) === laneBits('bool', e.width)) return parts;
    const out: Val[] = [];
    for (let i = 0; i + 1 < parts.length; i += 2) {
      const a = parts[i];
      const b = parts[i + 1];
      if (a && b) out.push(evenWords(this.m, a, b));
    }
    return out;
  }

  private select(e: Expr, condition: Expr, a: Expr, b: Expr): readonly Val[] {
    const xs = this.parts(a);
    const ys = this.parts(b);
    if (e.width === 1) {
      const [x] = xs;
      const [y] = ys;
      if (!x || !y) throw new TypeError('select of nothing');
      return [this.m.op('select', [x, y, this.one(condition)])];
    }
    let masks = this.parts(condition);
    if (laneBits(e.type, e.width) === 64 && laneBits('bool', e.width) === 32) masks = widenMask(this.m, masks);
    return xs.map((x, i) => {
      const y = ys[i];
      const mask = masks[i];
      if (!y || !mask) throw new TypeError('select: widths differ');
      return this.m.op('v128.bitselect', [x, y, mask]);
    });
  }

  private cast(a: Expr, e: Expr): readonly Val[] {
    const parts = this.parts(a);
    const from = a.type;
    const whole = e.width > 1 ? castVector(this.m, from, e.type, e.width, parts) : undefined;
    if (whole) return whole;
    const one = (v: Val): Val => {
      const r = castScalar(this.m, from, e.type, v);
      if (!r) throw unsupported(`a cast from ${from} to ${e.type}`);
      return r;
    };
    if (e.width === 1) return parts.map(one);
    const lanes = Array.from({ length: e.width }, (_, i) => one(extractLane(this.m, from, a.width, parts, i)));
    return packLanes(this.m, e.type, e.width, lanes);
  }

  private bitcast(a: Expr, e: Expr): readonly Val[] {
    const parts = this.parts(a);
    if (e.width > 1) return parts;
    const from = scalarType(a.type);
    const to = scalarType(e.type);
    return from === to ? parts : parts.map((v) => this.m.op(`${to}.reinterpret_${from}`, [v]));
  }

  /** Even lanes below odd lanes. Bytes from memory, less a number, need no detour over 32-bit lanes. */
  private halves(a: Expr): readonly Val[] {
    const { m } = this;
    const minus =
      a.node.kind === 'binary' && a.node.op === 'sub' && a.node.b.node.kind === 'splat' ? a.node : undefined;
    const from = minus ? minus.a : a;
    const source = from.node.kind === 'cast' ? from.node.a : from;
    const n = source.node;
    if (n.kind === 'load' && (n.buffer.storage === 'i8' || n.buffer.storage === 'u8') && source.width === 8) {
      const { base, since, version } = this.scope.buffer(n.buffer);
      const { address, offset } = this.dims.address(base, n.index, 1);
      const words = m.load(`v128.load8x8_${n.buffer.storage === 'i8' ? 's' : 'u'}`, address, offset, 0, since, version);
      if (minus?.b.node.kind !== 'splat') return [words];
      return [m.op('i16x8.sub', [words, m.op('i16x8.splat', [this.one(minus.b.node.a)])])];
    }
    const parts = this.parts(a);
    const low = Uint8Array.from({ length: 16 }, (_, i) => (i >> 1) * 4 + (i & 1));
    if (a.width === 2) {
      const [x, y] = [0, 1].map((lane) => extractLane(m, a.type, a.width, parts, lane));
      return x && y ? [m.op('i32.or', [m.op('i32.and', [x, m.i32(0xffff)]), m.op('i32.shl', [y, m.i32(16)])])] : [];
    }
    return Array.from({ length: Math.ceil(parts.length / 2) }, (_, i) => {
      const x = parts[2 * i];
      if (!x) throw new TypeError('halves of nothing');
      return m.op('i8x16.shuffle', [x, parts[2 * i + 1] ?? x], low);
    });
  }

  private dot2(a: Expr, b: Expr, c: Expr, e: Expr): readonly Val[] {
    const { m } = this;
    if (e.width === 1) return this.parts(dotHalves(a, b, c));
    return this.eachPart([a, b, c], e, {
      scalar: () => undefined,
      vector: ([x, y, z]) => x && y && z && m.op('i32x4.add', [m.op('i32x4.dot_i16x8_s', [x, y]), z]),
    });
  }

  private dot4(a: Expr, b: Expr, c: Expr, e: Expr): readonly Val[] {
    const { m } = this;
    if (e.width === 1) return this.parts(dotBytes(a, b, c));
    return this.eachPart([a, b, c], e, {
      scalar: () => undefined,
      vector: ([x, y, z]) => x && y && z && dotBytesVector(m, x, y, z),
    });
  }

  /** `a` and what it loads are computed only where the condition holds: an `if` that sets locals. */
  private guard(e: Expr, condition: Expr, a: Expr, otherwise: Expr): readonly Val[] {
    const { m } = this;
    if (condition.width > 1) throw unsupported('a guard with a condition for each lane');
    const test = this.one(condition);
    const outer = m.current;
    const branch = (x: Expr, into: readonly number[] | undefined): { block: Block; locals: readonly number[] } => {
      const inner = block(outer, 'conditional');
      m.current = inner;
      const parts = this.parts(x.width === e.width ? x : x.splat(e.width));
      const locals = into ?? parts.map((v) => m.local(v.type));
      for (const [i, value] of parts.entries()) inner.stmts.push({ kind: 'set', local: locals[i] ?? 0, value });
      m.current = outer;
      return { block: inner, locals };
    };
    const yes = branch(a, undefined);
    const no = branch(otherwise, yes.locals);
    outer.stmts.push({ kind: 'if', condition: test, body: yes.block, otherwise: no.block });
    return yes.locals.map((local) => m.read(local, outer));
  }

  private intrinsic(name: string, args: readonly Expr[]): readonly Val[] {
    const operands = args.flatMap((a) => this.parts(a));
    const places = shuffles.get(name);
    if (places) return [this.m.op('i8x16.shuffle', operands, places)];
    return [this.m.op((this.fused && relaxedForms.get(name)) || name, operands)];
  }

  private load(buffer: Buffer, index: Dim, e: Expr): readonly Val[] {
    const { storage } = buffer;
    const bits = bitsOf[storage];
    const wider = widerLoad(buffer, index, e.width);
    if (wider) return this.parts(wider);
    if (storage === 'string' || storage === 'c64' || storage === 'c128')
      throw unsupported(`a kernel on ${storage} data`);
    const { base, since, version } = this.scope.buffer(buffer);
    const { address, offset } = this.dims.address(base, index, bits / 8);
    const access = (op: string, bytes: number, at: number) =>
      this.m.load(op, address, offset + at, Math.log2(bytes), since, version);
    if (e.width === 1) {
      const v = access(SCALAR_LOAD[storage] ?? 'i32.load', bits / 8, 0);
      return [storage === 'bool' ? this.m.op('i32.ne', [v, this.m.i32(0)]) : v];
    }
    if (bits >= 32) {
      return Array.from({ length: partCount(computeType(storage), e.width) }, (_, i) =>
        access('v128.load', bits / 8, 16 * i),
      );
    }
    const count = e.width / 4;
    if (count < 1)
      return this.parts(pack(Array.from({ length: e.width }, (_, i) => this.scalarLoad(buffer, index, i))));
    const sign = isSigned(storage) ? 's' : 'u';
    return Array.from({ length: count }, (_, i) => {
      if (bits === 16) return access(`v128.load16x4_${sign}`, 2, 8 * i);
      const bytes = access('v128.load32_zero', 1, 4 * i);
      const words = this.m.op(`i32x4.extend_low_i16x8_${sign}`, [this.m.op(`i16x8.extend_low_i8x16_${sign}`, [bytes])]);
      return storage === 'bool' ? this.m.op('i32x4.ne', [words, this.m.constant('v128', new Uint8Array(16))]) : words;
    });
  }

  private scalarLoad(buffer: Buffer, index: Dim, i: number): Expr {
    return new Expr(computeType(buffer.storage), 1, { kind: 'load', buffer, index: addDim(index, i) });
  }

  /** Statements that store `value` at `index` of `buffer`, narrowing to its storage. */
  store(buffer: Buffer, index: Dim, value: Expr): void {
    const { storage } = buffer;
    const bits = bitsOf[storage];
    if (bits < 8 || storage === 'string' || storage === 'c64' || storage === 'c128')
      throw unsupported(`a store of ${storage}`);
    if (isMinifloat(storage)) {
      const raw: Buffer = { ...buffer, storage: bits === 16 ? 'u16' : 'u8' };
      this.store(raw, index, encodeMinifloat(storage, value));
      return;
    }
    const { m } = this;
    const parts = this.parts(value);
    const { base } = this.scope.buffer(buffer);
    const { address, offset } = this.dims.address(base, index, bits / 8);
    const put = (op: string, v: Val, at: number, lane?: number) =>
      m.current.stmts.push({
        kind: 'store',
        op,
        address,
        value: v,
        offset: offset + at,
        align: Math.log2(bits / 8),
        lane,
      });
    if (value.width === 1) {
      const [v] = parts;
      if (v) put(SCALAR_STORE[storage] ?? 'i32.store', v, 0);
      return;
    }
    if (bits >= 32) {
      for (const [i, v] of parts.entries()) put('v128.store', v, 16 * i);
      return;
    }
    const size = bits / 8;
    const per = 16 / (laneBits(value.type, value.width) / 8);
    const stride = 16 / per;
    parts.forEach((v, i) => {
      const plain = storage === 'bool' ? m.op('v128.and', [v, splat(m, 'i32x4', m.i32(1))]) : v;
      const bytes = Uint8Array.from({ length: 16 }, (_, k) =>
        k < per * size ? Math.floor(k / size) * stride + (k % size) : 0,
      );
      const dense = m.op('i8x16.shuffle', [plain, plain], bytes);
      put(`v128.store${per * bits}_lane`, dense, i * per * size, 0);
    });
  }
}

function describe(e: Expr): string {
  return e.node.kind === 'unary' || e.node.kind === 'binary' ? `'${e.node.op}'` : e.node.kind;
}
