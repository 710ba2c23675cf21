import { opcodes, resultType, type WasmType } from './opcodes.ts';

/** Immediate of an instruction: a constant's value, a lane, shuffle bytes, or a memory offset. */
export type Immediate = number | bigint | Uint8Array | undefined;

/**
 * A value of the machine graph: one Wasm instruction over other values, or a local. Values are hash-consed, so equal pure
 * computations are one value, and float: `schedule` decides where each is computed. `block` is the innermost block among those
 * that define its operands, the earliest place for it.
 */
export interface Val {
  readonly id: number;
  /** Mnemonic, or `local`. */
  readonly op: string;
  readonly type: WasmType;
  readonly args: readonly Val[];
  readonly imm: Immediate;
  readonly block: Block;
  /** May trap, so it is computed only where the source computes it or where that is certain to happen. */
  readonly pinned: boolean;
  /** log2 of the access alignment, for loads. */
  readonly align: number;
}

/** Structured statements in which the values are placed. */
export type MStmt =
  | { readonly kind: 'set'; readonly local: number; readonly value: Val }
  | {
      readonly kind: 'store';
      readonly op: string;
      readonly address: Val;
      readonly value: Val;
      readonly offset: number;
      readonly align: number;
      readonly lane: number | undefined;
    }
  | { readonly kind: 'if'; readonly condition: Val; readonly body: Block; readonly otherwise: Block }
  /** Runs `body` at least once, then while index + step < to. */
  | {
      readonly kind: 'do';
      readonly body: Block;
      readonly index: number;
      readonly step: Val;
      readonly to: Val;
      /** Locals set before the first round: the index, and pointers that advance with it. */
      readonly inits: { readonly local: number; readonly value: Val }[];
      /** Locals advanced after each round. */
      readonly steps: { readonly local: number; readonly by: Val }[];
    };

/** A sequence of statements; `conditional` says whether entering the parent block may skip it. */
export interface Block {
  readonly parent: Block | undefined;
  readonly depth: number;
  readonly loops: number;
  readonly conditional: boolean;
  readonly stmts: MStmt[];
  /** Pinned values computed in this block, by key. */
  readonly pinned: Map<string, Val>;
}

export const block = (parent: Block | undefined, kind: 'plain' | 'conditional' | 'loop'): Block => ({
  parent,
  depth: parent ? parent.depth + 1 : 0,
  loops: (parent?.loops ?? 0) + (kind === 'loop' ? 1 : 0),
  conditional: kind === 'conditional',
  stmts: [],
  pinned: new Map(),
});

const hex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');

const float = new Float64Array(1);
const floatBytes = new Uint8Array(float.buffer);

function immediateKey(imm: Immediate): string {
  if (imm === undefined) return '';
  if (typeof imm === 'object') return hex(imm);
  if (typeof imm === 'bigint' || Number.isInteger(imm) === true) return Object.is(imm, -0) ? '-0' : String(imm);
  float[0] = imm;
  return hex(floatBytes);
}

/** Builds the value graph of one function. */
export class Machine {
  readonly entry: Block = block(undefined, 'plain');
  /** Types of all locals, parameters first. */
  readonly locals: WasmType[] = [];
  readonly values: Val[] = [];
  private readonly pure = new Map<string, Val>();
  /** Where statements are appended. */
  current: Block = this.entry;

  constructor(readonly params: readonly string[]) {
    for (const _ of params) this.locals.push('i32');
  }

  local(type: WasmType): number {
    return this.locals.push(type) - 1;
  }

  private create(
    op: string,
    type: WasmType,
    args: readonly Val[],
    imm: Immediate,
    at: Block,
    pinned: boolean,
    align = 0,
  ): Val {
    const v: Val = { id: this.values.length, op, type, args, imm, block: at, pinned, align };
    this.values.push(v);
    return v;
  }

  /** The value a local holds from `at` on; `version` tells its assignments apart. */
  read(local: number, at: Block, version = 0): Val {
    const key = `local ${local} ${version}`;
    let v = this.pure.get(key);
    if (!v) {
      v = this.create('local', this.locals[local] ?? 'i32', [], local, at, false);
      this.pure.set(key, v);
    }
    return v;
  }

  i32(value: number): Val {
    return this.constant('i32', value | 0);
  }

  constant(type: 'i32' | 'f32' | 'f64', value: number): Val;
  constant(type: 'i64', value: bigint): Val;
  constant(type: 'v128', value: Uint8Array): Val;
  constant(type: WasmType, value: Exclude<Immediate, undefined>): Val {
    const key = `${type}.const ${immediateKey(value)}`;
    let v = this.pure.get(key);
    if (!v) {
      v = this.create(`${type}.const`, type, [], value, this.entry, false);
      this.pure.set(key, v);
    }
    return v;
  }

  /** An instruction on values, simplified where that is free. */
  op(name: string, args: readonly Val[], imm?: Immediate): Val {
    const simpler = simplify(this, name, args);
    if (simpler) return simpler;
    const first = args[0];
    const type = name === 'select' && first ? first.type : resultType(name);
    const key = `${name} ${args.map((a) => a.id).join(' ')} ${immediateKey(imm)}`;
    if (TRAPS.test(name) && !isSafeDivisor(args[1])) return this.pin(key, name, type, args, imm, this.entry, 0);
    let v = this.pure.get(key);
    if (!v) {
      if (!opcodes.has(name)) throw new TypeError(`no Wasm instruction ${name}`);
      v = this.create(name, type, args, imm, deepest(args, this.entry), false);
      this.pure.set(key, v);
    }
    return v;
  }

  /** A load. `since` is the block in which the memory it reads was last written, `version` tells the writes apart. */
  load(name: string, address: Val, offset: number, align: number, since: Block, version: number): Val {
    const key = `${name} ${address.id} ${offset} ${version}`;
    const v = this.pin(key, name, resultType(name), [address], offset, since, align);
    this.origins.set(v, { offset, since, version });
    return v;
  }

  private readonly origins = new Map<Val, { offset: number; since: Block; version: number }>();

  /** All lanes set from memory in one instruction, when the scalar is a 32 or 64-bit load. */
  splatLoad(scalar: Val, shape: string): Val | undefined {
    const from = this.origins.get(scalar);
    const [address] = scalar.args;
    if (!from || !address || !/^[if](32|64)\.load$/.test(scalar.op)) return undefined;
    const bits = shape.endsWith('x2') ? 64 : 32;
    return this.load(`v128.load${bits}_splat`, address, from.offset, scalar.align, from.since, from.version);
  }

  /** Finds or makes a trapping value in the outermost block that is certain to run when the current one does. */
  private pin(
    key: string,
    name: string,
    type: WasmType,
    args: readonly Val[],
    imm: Immediate,
    since: Block,
    align: number,
  ): Val {
    for (let b: Block | undefined = this.current; b; b = b.parent) {
      const found = b.pinned.get(key);
      if (found) return found;
    }
    const earliest = deepest(args, since);
    let at = this.current;
    while (at !== earliest && !at.conditional && at.parent) at = at.parent;
    const v = this.create(name, type, args, imm, at, true, align);
    at.pinned.set(key, v);
    return v;
  }
}

const TRAPS = /^i(32|64)\.(div|rem)_[su]$/;

/** The innermost of the blocks that define `args`; they lie on one chain. */
function deepest(args: readonly Val[], least: Block): Block {
  let at = least;
  for (const a of args) if (a.block.depth > at.depth) at = a.block;
  return at;
}

/** A constant other than 0 (division by zero) and -1 (overflow). */
const isSafeDivisor = (v: Val | undefined): boolean =>
  (v?.op === 'i32.const' || v?.op === 'i64.const') && Number(v.imm) !== 0 && Number(v.imm) !== -1;

const isConst = (v: Val | undefined, value: number): boolean => v?.op === 'i32.const' && v.imm === value;

/** Integer identities that address arithmetic meets; undefined when there is nothing to gain. */
function simplify(m: Machine, name: string, args: readonly Val[]): Val | undefined {
  const [a, b] = args;
  if (!a) return undefined;
  if (a.op === 'i32.const' && b?.op === 'i32.const' && args.length === 2) {
    const x = Number(a.imm);
    const y = Number(b.imm);
    switch (name) {
      case 'i32.add':
        return m.i32(x + y);
      case 'i32.sub':
        return m.i32(x - y);
      case 'i32.mul':
        return m.i32(Math.imul(x, y));
      case 'i32.shl':
        return m.i32(x << y);
      case 'i32.and':
        return m.i32(x & y);
      case 'i32.or':
        return m.i32(x | y);
      case 'i32.lt_s':
        return m.i32(x < y ? 1 : 0);
    }
  }
  switch (name) {
    case 'i32.add':
    case 'i32.or':
      if (isConst(a, 0)) return b;
      return isConst(b, 0) ? a : undefined;
    case 'i32.sub':
    case 'i32.shl':
    case 'i32.shr_s':
    case 'i32.shr_u':
      return isConst(b, 0) ? a : undefined;
    case 'i32.mul': {
      if (a.op === 'i32.const' && b?.op !== 'i32.const' && b) return m.op('i32.mul', [b, a]);
      if (isConst(b, 1)) return a;
      if (isConst(b, 0)) return b;
      const n = b?.op === 'i32.const' ? Number(b.imm) : 0;
      return n > 0 && (n & (n - 1)) === 0 ? m.op('i32.shl', [a, m.i32(31 - Math.clz32(n))]) : undefined;
    }
    case 'select': {
      const c = args[2];
      if (c?.op === 'i32.const') return c.imm === 0 ? b : a;
      return a === b ? a : undefined;
    }
    case 'i32x4.shl':
    case 'i32x4.shr_s':
    case 'i32x4.shr_u': {
      if (isConst(b, 0)) return a;
      const [from, by] = a.args;
      const bits = Number(by?.imm) + Number(b?.imm);
      return a.op === name && name === 'i32x4.shr_u' && from && bits < 32 ? m.op(name, [from, m.i32(bits)]) : undefined;
    }
    case 'v128.and': {
      // The bits that a shift of words moves from one half to the other are masked out: a shift of halves.
      const [, by] = a.args;
      if (a.op !== 'i32x4.shr_u' || b?.op !== 'v128.const' || !(b.imm instanceof Uint8Array) || !by) return undefined;
      const mask = 0xffff >> (Number(by.imm) & 31);
      const keepsAll =
        by.op === 'i32.const' && mask > 0 && b.imm.every((v, i) => v === (i & 1 ? mask >> 8 : mask & 255));
      return keepsAll && a.args[0] ? m.op('i16x8.shr_u', [a.args[0], by]) : undefined;
    }
    case 'v128.bitselect': {
      if (a === b) return a;
      // x > y ? x : y and its like are one instruction.
      const mask = args[2];
      const [p, q] = mask?.args ?? [];
      const shape = /^(f32x4|f64x2)\.([lg])t$/.exec(mask?.op ?? '');
      if (!shape || !b) return undefined;
      const [, kind, side] = shape;
      const [less, more] = side === 'l' ? [p, q] : [q, p];
      if (less === b && more === a) return m.op(`${kind}.pmax`, [b, a]);
      return less === a && more === b ? m.op(`${kind}.pmin`, [b, a]) : undefined;
    }
  }
  return undefined;
}
