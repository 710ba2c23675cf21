import { add as addDim, type Dim, floorDiv, mod, mul } from '../../compiler/ir/dim.ts';
import { bitsOf, computeType, type DType, isFloat, isInteger, isSigned } from '../../compiler/ir/dtype.ts';
import { type Buffer, constant, dimValue, Expr, pack, type Width } from '../../compiler/ir/expr.ts';
import { expandMath } from '../../compiler/lower/math.ts';
import { decodeMinifloat, encodeMinifloat, isMinifloat } from '../../compiler/lower/minifloat.ts';
import { InfcError } from '../../runtime/errors.ts';
import type { DimLowering } from './address.ts';
import { castScalar, castVector, evenWords, widenMask } from './convert.ts';
import { ExprTable } from './expr-table.ts';
import { shuffles } from './intrinsics.ts';
import {
  extractLane,
  laneBits,
  packLanes,
  partCount,
  scalarBinary,
  scalarType,
  scalarUnary,
  splat,
  vectorBinary,
  vectorShape,
  vectorUnary,
} from './lanes.ts';
import { type Block, block, type Machine, type Val } from './mir.ts';

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
        return this.narrow(n.a, n.to);
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
        return this.shuffle(e, n.a, n.b, n.lanes);
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

  private narrow(a: Expr, to: DType): readonly Val[] {
    if (isMinifloat(to) && isFloat(a.type)) {
      const f = a.cast('f32');
      return this.parts(decodeMinifloat(to, encodeMinifloat(to, f)).cast(a.type));
    }
    if (to === 'f32' && a.type === 'f64') return this.parts(a.cast('f32').cast('f64'));
    if (to === 'bool') return this.parts(a.cast('bool').cast(a.type));
    if (isInteger(to) && bitsOf[to] < 32) {
      if (isFloat(a.type))
        return this.parts(
          a
            .cast(isSigned(to) ? 'i32' : 'u32')
            .narrow(to)
            .cast(a.type),
        );
      const size = a.type === 'i64' || a.type === 'u64' ? 64 : 32;
      const shift = size - bitsOf[to];
      const signed = size === 64 ? (isSigned(to) ? 'i64' : 'u64') : isSigned(to) ? 'i32' : 'u32';
      const by = constant(signed, shift);
      return this.parts(a.cast(signed).shl(by).shr(by).cast(a.type));
    }
    if (isInteger(to) && bitsOf[to] === 32 && (a.type === 'i64' || a.type === 'u64'))
      return this.parts(a.cast(isSigned(to) ? 'i32' : 'u32').cast(a.type));
    return this.parts(a);
  }

  private shuffle(e: Expr, a: Expr, b: Expr, lanes: readonly number[]): readonly Val[] {
    const xs = this.parts(a);
    const ys = this.parts(b);
    const [x] = xs;
    const [y] = ys;
    if (xs.length === 1 && ys.length === 1 && x && y) {
      const size = laneBits(e.type, e.width) / 8;
      const bytes = new Uint8Array(16);
      lanes.forEach((lane, i) => {
        for (let k = 0; k < size; k++) bytes[i * size + k] = lane * size + k;
      });
      return [this.m.op('i8x16.shuffle', [x, y], bytes)];
    }
    const picked = lanes.map((lane) =>
      lane < a.width
        ? extractLane(this.m, a.type, a.width, xs, lane)
        : extractLane(this.m, b.type, b.width, ys, lane - a.width),
    );
    return packLanes(this.m, e.type, e.width, picked);
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
    if (e.width === 1) {
      const low = (x: Expr) => x.bitcast('i32').shl(constant('i32', 16)).shr(constant('i32', 16));
      const high = (x: Expr) => x.bitcast('i32').shr(constant('i32', 16));
      return this.parts(c.add(low(a).mul(low(b))).add(high(a).mul(high(b))));
    }
    return this.eachPart([a, b, c], e, {
      scalar: () => undefined,
      vector: ([x, y, z]) => x && y && z && m.op('i32x4.add', [m.op('i32x4.dot_i16x8_s', [x, y]), z]),
    });
  }

  private dot4(a: Expr, b: Expr, c: Expr, e: Expr): readonly Val[] {
    const { m } = this;
    if (e.width === 1) {
      let sum = c;
      for (let i = 0; i < 4; i++) {
        const byte = (x: Expr) =>
          x
            .bitcast('i32')
            .shl(constant('i32', 24 - 8 * i))
            .shr(constant('i32', 24));
        sum = sum.add(byte(a).mul(byte(b)));
      }
      return this.parts(sum);
    }
    return this.eachPart([a, b, c], e, {
      scalar: () => undefined,
      vector: ([x, y, z]) => {
        if (!x || !y || !z) return undefined;
        const half = (side: string) =>
          m.op('i32x4.extadd_pairwise_i16x8_s', [m.op(`i16x8.extmul_${side}_i8x16_s`, [x, y])]);
        const low = half('low');
        const high = half('high');
        const odd = m.op(
          'i8x16.shuffle',
          [low, high],
          Uint8Array.from({ length: 16 }, (_, i) => (i >> 2) * 8 + 4 + (i & 3)),
        );
        return m.op('i32x4.add', [z, m.op('i32x4.add', [evenWords(m, low, high), odd])]);
      },
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
    return [places ? this.m.op('i8x16.shuffle', operands, places) : this.m.op(name, operands)];
  }

  private load(buffer: Buffer, index: Dim, e: Expr): readonly Val[] {
    const { storage } = buffer;
    const bits = bitsOf[storage];
    if (bits < 8) return this.parts(this.subByte(buffer, index, e.width));
    if (storage === 'f16' && buffer.finite) {
      const raw: Buffer = { ...buffer, storage: 'i16' };
      return this.parts(finiteHalf(new Expr('i32', e.width, { kind: 'load', buffer: raw, index })));
    }
    if (isMinifloat(storage)) {
      const raw: Buffer = { ...buffer, storage: bits === 16 ? 'u16' : 'u8' };
      return this.parts(decodeMinifloat(storage, new Expr('u32', e.width, { kind: 'load', buffer: raw, index })));
    }
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

  /** Elements of less than a byte, packed little end first. */
  private subByte(buffer: Buffer, index: Dim, width: Width): Expr {
    if (width > 1) return pack(Array.from({ length: width }, (_, i) => this.subByte(buffer, addDim(index, i), 1)));
    const { storage } = buffer;
    const bits = bitsOf[storage];
    const per = 8 / bits;
    const raw: Buffer = { ...buffer, storage: 'u8' };
    const byte = new Expr('u32', 1, { kind: 'load', buffer: raw, index: floorDiv(index, per) });
    const shifted = byte.shr(dimValue(mul(mod(index, per), bits)).cast('u32'));
    const code = shifted.and(constant('u32', (1 << bits) - 1));
    if (isMinifloat(storage)) return decodeMinifloat(storage, code);
    if (!isSigned(storage)) return code;
    const up = constant('i32', 32 - bits);
    return code.cast('i32').shl(up).shr(up);
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

/** A sign-extended f16 that is finite as f32: its fields moved to their places, read with the exponent bias of f32 and scaled. */
const finiteHalf = (bits: Expr): Expr =>
  bits
    .shl(constant('i32', 13))
    .and(constant('i32', 0x8fffffff | 0))
    .bitcast('f32')
    .mul(2 ** 112);

function describe(e: Expr): string {
  return e.node.kind === 'unary' || e.node.kind === 'binary' ? `'${e.node.op}'` : e.node.kind;
}

const SCALAR_LOAD: Partial<Record<DType, string>> = {
  f64: 'f64.load',
  f32: 'f32.load',
  i64: 'i64.load',
  u64: 'i64.load',
  i16: 'i32.load16_s',
  u16: 'i32.load16_u',
  i8: 'i32.load8_s',
  u8: 'i32.load8_u',
  bool: 'i32.load8_u',
};

const SCALAR_STORE: Partial<Record<DType, string>> = {
  f64: 'f64.store',
  f32: 'f32.store',
  i64: 'i64.store',
  u64: 'i64.store',
  i16: 'i32.store16',
  u16: 'i32.store16',
  i8: 'i32.store8',
  u8: 'i32.store8',
  bool: 'i32.store8',
};
