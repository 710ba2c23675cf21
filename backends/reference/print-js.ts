import type { Atom, Dim } from '../../compiler/ir/dim.ts';
import { bitsOf, type DType, isFloat, isSigned, type ScalarType } from '../../compiler/ir/dtype.ts';
import type { Buffer, Expr } from '../../compiler/ir/expr.ts';
import type { Kernel, Stmt } from '../../compiler/ir/kernel.ts';
import { InfcError } from '../../runtime/errors.ts';
import { decodeFloat, encodeFloat } from '../../runtime/minifloat.ts';
import {
  binaryFunction,
  bitcastFunction,
  castFunction,
  fmaFunction,
  isBig,
  narrowFunction,
  type Scalar,
  unaryFunction,
} from './scalar.ts';

/** A kernel as a JavaScript function over typed arrays (16-bit and narrower floats as raw bits). */
export type JsKernel = (buffers: readonly ArrayBufferView[], scalars: readonly number[]) => void;

type Helper = (...args: Scalar[]) => Scalar;

/**
 * Compiles a one-lane, width-1 simd kernel to JavaScript: the reference meaning at a speed that real models can be checked with.
 * The scalar operations are those of `scalar.ts`; the frequent ones are printed inline with the same rounding.
 */
export function compileJs(kernel: Kernel): JsKernel {
  const helpers = new Map<string, Helper>();
  const printer = new Printer(helpers);
  const body = printer.kernel(kernel);
  const names = [...helpers.keys()];
  const made = new Function(
    'fr',
    'h',
    `"use strict"; const {${names.join(', ')}} = h;\nconst modulo = (a, b) => a - Math.floor(a / b) * b;\nreturn (B, S) => {\n${body}\n};`,
  );
  return made(Math.fround, Object.fromEntries(helpers)) as JsKernel;
}

class Printer {
  constructor(private readonly helpers: Map<string, Helper>) {}

  kernel(k: Kernel): string {
    const lines = k.buffers.map((b, i) => `const ${b.name} = B[${i}];`);
    k.scalars.forEach((s, i) => {
      lines.push(`const ${name(s)} = S[${i}];`);
    });
    for (const b of k.shared) lines.push(`const ${b.name} = new Float64Array(${dim(b.elements)});`);
    lines.push(
      `const grid = ${dim(k.grid[0])};`,
      'for (let groupX = 0; groupX < grid; groupX++) {',
      this.block(k.body),
      '}',
    );
    return lines.join('\n');
  }

  private block(body: readonly Stmt[]): string {
    return body.map((s) => this.statement(s)).join('\n');
  }

  private statement(s: Stmt): string {
    switch (s.kind) {
      case 'let':
        return `const ${name(s.name)} = ${this.expr(s.value)};`;
      case 'var':
        return `let ${name(s.name)} = ${this.expr(s.value)};`;
      case 'set':
        return `${name(s.name)} = ${this.expr(s.value)};`;
      case 'store':
        return this.store(s.buffer, dim(s.index), s.value);
      case 'for': {
        const i = name(s.name);
        return `for (let ${i} = ${dim(s.from)}, e_${i} = ${dim(s.to)}, d_${i} = ${dim(s.step)}; ${i} < e_${i}; ${i} += d_${i}) {\n${this.block(s.body)}\n}`;
      }
      case 'if':
        return `if (${this.expr(s.condition)}) {\n${this.block(s.body)}\n}${s.otherwise.length > 0 ? ` else {\n${this.block(s.otherwise)}\n}` : ''}`;
      case 'comment':
      case 'barrier':
        return '';
      default:
        throw new InfcError('INFC4003', `the reference cannot run statement '${s.kind}'`);
    }
  }

  private helper(key: string, make: () => Helper): string {
    if (!this.helpers.has(key)) this.helpers.set(key, make());
    return key;
  }

  private store(b: Buffer, index: string, value: Expr): string {
    const v = this.expr(value);
    const t = b.storage;
    if (b.space === 'shared' || t === 'f64' || t === 'f32' || t === 'bool') return `${b.name}[${index}] = ${v};`;
    const bits = bitsOf[t];
    if (isFloat(t)) {
      const encode = this.helper(`enc_${t}`, () => (x) => encodeFloat(t, Number(x)));
      if (bits >= 8) return `${b.name}[${index}] = ${encode}(${v});`;
      return this.storeBits(b, index, `${encode}(${v})`, bits);
    }
    if (bits < 8) return this.storeBits(b, index, v, bits);
    return `${b.name}[${index}] = ${v};`;
  }

  private storeBits(b: Buffer, index: string, v: string, bits: number): string {
    const per = 8 / bits;
    const mask = (1 << bits) - 1;
    return `{ const i = ${index}, s = (i % ${per}) * ${bits}, a = Math.floor(i / ${per}); ${b.name}[a] = (${b.name}[a] & ~(${mask} << s)) | ((${v} & ${mask}) << s); }`;
  }

  private load(b: Buffer, index: string): string {
    const t = b.storage;
    const bits = bitsOf[t];
    if (b.space === 'shared' || bits >= 32 || (bits >= 8 && !isFloat(t))) return `${b.name}[${index}]`;
    if (isFloat(t)) {
      const decode = this.helper(`dec_${t}`, () => (x) => decodeFloat(t, Number(x)));
      return `${decode}(${bits >= 8 ? `${b.name}[${index}]` : this.loadBits(b, index, bits)})`;
    }
    const raw = this.loadBits(b, index, bits);
    return isSigned(t) ? `(${raw} << ${32 - bits} >> ${32 - bits})` : raw;
  }

  private loadBits(b: Buffer, index: string, bits: number): string {
    const per = 8 / bits;
    return `((${b.name}[Math.floor((${index}) / ${per})] >> (((${index}) % ${per}) * ${bits})) & ${(1 << bits) - 1})`;
  }

  private expr(e: Expr): string {
    if (e.width !== 1) throw new InfcError('INFC4003', 'the reference runs scalar kernels only');
    const n = e.node;
    switch (n.kind) {
      case 'const':
        return literal(n.value, e.type);
      case 'dim':
        return dim(n.dim);
      case 'var':
        return name(n.name);
      case 'load':
        return this.load(n.buffer, dim(n.index));
      case 'unary': {
        const a = this.expr(n.a);
        if (n.op === 'neg' && (e.type === 'f32' || e.type === 'f64')) return `(-${a})`;
        if (n.op === 'not' && e.type === 'bool') return `(${a} ? 0 : 1)`;
        const t = n.a.type;
        return `${this.helper(`u_${n.op}_${t}`, () => unaryFunction(n.op, t) as Helper)}(${a})`;
      }
      case 'binary':
        return this.binary(n.op, n.a, n.b);
      case 'fma': {
        const [a, b, c] = [this.expr(n.a), this.expr(n.b), this.expr(n.c)];
        if (e.type === 'f32') return `fr(${a} * ${b} + ${c})`;
        if (e.type === 'f64') return `(${a} * ${b} + ${c})`;
        return `${this.helper(`fma_${e.type}`, () => fmaFunction(e.type) as Helper)}(${a}, ${b}, ${c})`;
      }
      case 'select':
        return `(${this.expr(n.condition)} ? ${this.expr(n.a)} : ${this.expr(n.b)})`;
      case 'guard':
        return `(${this.expr(n.condition)} ? ${this.expr(n.a)} : ${this.expr(n.otherwise)})`;
      case 'cast': {
        const from = n.a.type;
        const a = this.expr(n.a);
        if (e.type === 'f64' && !isBig(from)) return a;
        if (e.type === 'f32' && from === 'bool') return a;
        const [read, write] = [WRAP[from], WRAP[e.type]];
        if (read && write) return `(${a}${write})`;
        if (read && e.type === 'f32') return `fr(${a})`;
        return `${this.helper(`c_${from}_${e.type}`, () => castFunction(from, e.type) as Helper)}(${a})`;
      }
      case 'bitcast': {
        const from = n.a.type;
        const write = WRAP[e.type];
        if (WRAP[from] && write) return `(${this.expr(n.a)}${write})`;
        return `${this.helper(`b_${from}_${e.type}`, () => bitcastFunction(from, e.type) as Helper)}(${this.expr(n.a)})`;
      }
      case 'narrow':
        return `${this.helper(`n_${e.type}_${n.to}`, () => narrowFunction(e.type, n.to as DType) as Helper)}(${this.expr(n.a)})`;
      case 'splat':
      case 'extract':
        return this.expr(n.a);
      default:
        throw new InfcError('INFC4003', `the reference cannot evaluate '${n.kind}'`);
    }
  }

  private binary(op: Parameters<typeof binaryFunction>[0], x: Expr, y: Expr): string {
    const t = x.type;
    const a = this.expr(x);
    const b = this.expr(y);
    const symbol = INLINE[op];
    if (symbol && (t === 'f32' || t === 'f64'))
      return t === 'f32' ? `fr(${a} ${symbol} ${b})` : `(${a} ${symbol} ${b})`;
    const compare = COMPARE[op];
    if (compare) return `(${a} ${compare} ${b} ? 1 : 0)`;
    const logic = LOGIC[op];
    if (t === 'bool' && logic) return `(${a} ${logic} ${b})`;
    const wrap = WRAP[t];
    if (wrap) {
      // JavaScript takes the low five bits of a shift too.
      if (op === 'shr') return `(${a} ${t === 'i32' ? '>>' : '>>>'} ${b})`;
      if (op === 'mul') return `(Math.imul(${a}, ${b})${wrap})`;
      const plain = op === 'add' ? '+' : op === 'sub' ? '-' : op === 'shl' ? '<<' : logic;
      if (plain) return `((${a} ${plain} ${b})${wrap})`;
    }
    return `${this.helper(`o_${op}_${t}`, () => binaryFunction(op, t) as Helper)}(${a}, ${b})`;
  }
}

const INLINE: Partial<Record<string, string>> = { add: '+', sub: '-', mul: '*', div: '/' };
const COMPARE: Partial<Record<string, string>> = { lt: '<', le: '<=', gt: '>', ge: '>=', eq: '===', ne: '!==' };
const LOGIC: Partial<Record<string, string>> = { and: '&', or: '|', xor: '^' };
/** Makes a number one of 32 bits again. */
const WRAP: Partial<Record<ScalarType, string>> = { i32: ' | 0', u32: ' >>> 0' };

/** Symbols may have any name; JavaScript names may not. */
function name(s: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(s)
    ? `$${s}`.replace(/^\$(group[XYZ])$/, '$1')
    : `$s${[...s].map((c) => (/[A-Za-z0-9]/.test(c) ? c : `_${c.codePointAt(0)?.toString(16)}_`)).join('')}`;
}

function literal(v: number | bigint, type: ScalarType): string {
  if (typeof v === 'bigint') return v < 0n ? `(${v}n)` : `${v}n`;
  if (Number.isNaN(v)) return 'NaN';
  if (!Number.isFinite(v)) return v > 0 ? 'Infinity' : '(-Infinity)';
  const x = type === 'f32' ? Math.fround(v) : v;
  return Object.is(x, -0) ? '(-0)' : x < 0 ? `(${x})` : String(x);
}

function dim(d: Dim): string {
  if (typeof d === 'number') return d < 0 ? `(${d})` : String(d);
  const parts = d.terms.map((t) =>
    [String(t.coefficient), ...t.factors.map((f) => atom(f))].filter((x, i) => i > 0 || x !== '1').join(' * '),
  );
  if (d.constant !== 0) parts.push(String(d.constant));
  return `(${parts.join(' + ')})`;
}

function atom(a: Atom): string {
  switch (a.kind) {
    case 'sym':
      return name(a.name);
    case 'div':
      return `Math.floor(${dim(a.a)} / ${dim(a.b)})`;
    case 'mod':
      return `modulo(${dim(a.a)}, ${dim(a.b)})`;
    case 'min':
    case 'max':
      return `Math.${a.kind}(${dim(a.a)}, ${dim(a.b)})`;
  }
}
