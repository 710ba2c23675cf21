import type { Dim, Expr, Kernel, Stmt } from 'infc';

/**
 * Prints Kernel IR as a JavaScript module: each kernel becomes an exported function (memory ranges..., scalars..., begin, end).
 * Vectors are printed lane by lane. Floats are rounded with Math.fround after each operation, as the IR asks.
 */
export function printModule(kernels: readonly Kernel[]): string {
  return `${PRELUDE}\n${kernels.map(printKernel).join('\n')}`;
}

const id = (name: string): string => `_${name.replaceAll(/\W/g, '_')}`;

function printKernel(kernel: Kernel): string {
  const params = [...kernel.buffers.map((b) => `${id(b.name)}$`), ...kernel.scalars.map(id), 'begin', 'end'];
  const views = kernel.buffers.map((b) => {
    const array = ARRAYS[b.storage];
    if (!array) throw new Error(`the acme backend does not store ${b.storage}`);
    return `  const ${id(b.name)} = new ${array}(${id(b.name)}$.buffer, ${id(b.name)}$.byteOffset, ${id(b.name)}$.byteLength / ${array}.BYTES_PER_ELEMENT | 0);`;
  });
  const scratch = kernel.shared.map((b) => `  const ${id(b.name)} = new ${ARRAYS[b.storage]}(${dim(b.elements)});`);
  return [
    `// ${kernel.note.op}: ${kernel.note.why}`,
    `export function ${kernel.name}(${params.join(', ')}) {`,
    ...views,
    ...scratch,
    '  for (let _groupX = begin; _groupX < end; _groupX++) {',
    ...block(kernel.body, '    '),
    '  }',
    '}',
  ].join('\n');
}

const ARRAYS: Readonly<Record<string, string>> = {
  f64: 'Float64Array',
  f32: 'Float32Array',
  f16: 'Uint16Array',
  bf16: 'Uint16Array',
  i64: 'BigInt64Array',
  u64: 'BigUint64Array',
  i32: 'Int32Array',
  u32: 'Uint32Array',
  i16: 'Int16Array',
  u16: 'Uint16Array',
  i8: 'Int8Array',
  u8: 'Uint8Array',
  bool: 'Uint8Array',
};

/** Whether the backend can load and store a dtype. */
export const canStore = (dtype: string): boolean => dtype in ARRAYS;

function block(body: readonly Stmt[], pad: string): string[] {
  return body.flatMap((s) => statement(s, pad).map((line) => pad + line));
}

function statement(s: Stmt, pad: string): string[] {
  const each = (width: number, line: (lane: number) => string): string[] =>
    Array.from({ length: width }, (_, i) => line(i));
  switch (s.kind) {
    case 'let':
      return each(s.value.width, (i) => `const ${lane(s.name, i, s.value.width)} = ${expr(s.value, i)};`);
    case 'var':
      return each(s.value.width, (i) => `let ${lane(s.name, i, s.value.width)} = ${expr(s.value, i)};`);
    case 'set':
      if (s.value.width === 1) return [`${id(s.name)} = ${expr(s.value, 0)};`];
      // All lanes are computed before any is assigned: a shuffle may read the others.
      return [
        `[${each(s.value.width, (i) => lane(s.name, i, s.value.width))}] = [${each(s.value.width, (i) => expr(s.value, i))}];`,
      ];
    case 'store':
      return each(
        s.value.width,
        (i) => `${element(s.buffer.name, s.index, i)} = ${encode(s.buffer.storage, expr(s.value, i))};`,
      );
    case 'atomicAdd':
      return [`${element(s.buffer.name, s.index, 0)} += ${expr(s.value, 0)};`];
    case 'for': {
      const i = id(s.name);
      return [
        `for (let ${i} = ${dim(s.from)}; ${i} < ${dim(s.to)}; ${i} += ${dim(s.step)}) {`,
        ...block(s.body, '  '),
        '}',
      ];
    }
    case 'if': {
      const otherwise = s.otherwise.length > 0 ? ['} else {', ...block(s.otherwise, '  ')] : [];
      return [`if (${expr(s.condition, 0)}) {`, ...block(s.body, '  '), ...otherwise, '}'];
    }
    case 'comment':
      return [`// ${s.text.replaceAll('\n', `\n${pad}// `)}`];
    case 'barrier':
      return [];
    case 'intrinsic':
      throw new Error(`the acme backend has no intrinsic ${s.name}`);
  }
}

const lane = (name: string, i: number, width: number): string => (width === 1 ? id(name) : `${id(name)}$${i}`);
const element = (buffer: string, index: Dim, i: number): string =>
  `${id(buffer)}[${dim(index)}${i === 0 ? '' : ` + ${i}`}]`;

function encode(storage: string, value: string): string {
  if (storage === 'f16') return `toF16(${value})`;
  if (storage === 'bf16') return `toBf16(${value})`;
  return storage === 'bool' ? `+(${value})` : value;
}

/** A dim as a JavaScript number; floor division and remainder are helpers. */
export function dim(d: Dim): string {
  if (typeof d === 'number') return String(d);
  const terms = d.terms.map((t) =>
    [...(t.coefficient === 1 ? [] : [String(t.coefficient)]), ...t.factors.map(atom)].join(' * '),
  );
  if (d.constant !== 0) terms.push(String(d.constant));
  return `(${terms.join(' + ')})`;
}

type DimAtom = Exclude<Dim, number>['terms'][number]['factors'][number];
function atom(a: DimAtom): string {
  if (a.kind === 'sym') return id(a.name);
  const name = { div: 'fdiv', mod: 'fmod', min: 'Math.min', max: 'Math.max' }[a.kind];
  return `${name}(${dim(a.a)}, ${dim(a.b)})`;
}

/** Wraps an exact result into a scalar type. */
function wrap(type: Expr['type'], value: string): string {
  switch (type) {
    case 'f32':
      return `fround(${value})`;
    case 'i32':
      return `(${value} | 0)`;
    case 'u32':
      return `(${value} >>> 0)`;
    case 'i64':
      return `asI64(${value})`;
    case 'u64':
      return `asU64(${value})`;
    default:
      return `(${value})`;
  }
}

const INFIX: Readonly<Record<string, string>> = {
  add: '+',
  sub: '-',
  mul: '*',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
  eq: '===',
  ne: '!==',
  and: '&',
  or: '|',
  xor: '^',
};

/** Lane `i` of an expression. */
function expr(e: Expr, i: number): string {
  const n = e.node;
  switch (n.kind) {
    case 'const':
      return e.type === 'i64' || e.type === 'u64' ? `${n.value}n` : numberText(Number(n.value), e.type);
    case 'dim':
      return dim(n.dim);
    case 'var':
      return lane(n.name, i, e.width);
    case 'load': {
      const raw = element(n.buffer.name, n.index, i);
      const { storage } = n.buffer;
      return storage === 'f16' ? `fromF16(${raw})` : storage === 'bf16' ? `fromBf16(${raw})` : raw;
    }
    case 'unary':
      return unary(e, expr(n.a, i), n.op, n.a.type);
    case 'binary':
      return binary(n.op, n.a.type, expr(n.a, i), expr(n.b, i));
    case 'fma':
      return wrap(
        e.type,
        e.type === 'i32' || e.type === 'u32'
          ? `Math.imul(${expr(n.a, i)}, ${expr(n.b, i)}) + ${expr(n.c, i)}`
          : `${expr(n.a, i)} * ${expr(n.b, i)} + ${expr(n.c, i)}`,
      );
    case 'select':
      return `(${expr(n.condition, i)} ? ${expr(n.a, i)} : ${expr(n.b, i)})`;
    case 'guard':
      return `(${expr(n.condition, i)} ? ${expr(n.a, i)} : ${expr(n.otherwise, i)})`;
    case 'cast':
      return cast(n.a.type, e.type, expr(n.a, i));
    case 'bitcast':
      return `bitcast(${JSON.stringify(n.a.type)}, ${JSON.stringify(e.type)}, ${expr(n.a, i)})`;
    case 'narrow':
      return ARRAYS[n.to] === undefined ? unknown(`rounding to ${n.to}`) : narrow(n.to, e.type, expr(n.a, i));
    case 'splat':
      return expr(n.a, 0);
    case 'pack': {
      const part = n.elements[i];
      return part ? expr(part, 0) : unknown('an empty lane');
    }
    case 'halves':
      return `(${expr(n.a, 2 * i)} & 65535 | ${expr(n.a, 2 * i + 1)} << 16) >>> 0`;
    case 'extract':
      return expr(n.a, n.lane);
    case 'shuffle': {
      const from = n.lanes[i] ?? 0;
      return from < n.a.width ? expr(n.a, from) : expr(n.b, from - n.a.width);
    }
    case 'dot2':
      return `dot2(${expr(n.a, i)}, ${expr(n.b, i)}, ${expr(n.c, i)})`;
    case 'dot4':
      return `dot4(${expr(n.a, i)}, ${expr(n.b, i)}, ${expr(n.c, i)})`;
    default:
      return unknown(n.kind);
  }
}

const unknown = (what: string): never => {
  throw new Error(`the acme backend does not print ${what}`);
};

const numberText = (v: number, type: string): string =>
  type === 'bool'
    ? String(v !== 0)
    : Object.is(v, -0)
      ? '-0'
      : v === Number.POSITIVE_INFINITY
        ? 'Infinity'
        : v === Number.NEGATIVE_INFINITY
          ? '-Infinity'
          : v < 0
            ? `(${v})`
            : String(v);

function unary(e: Expr, a: string, op: string, from: Expr['type']): string {
  const big = from === 'i64' || from === 'u64';
  switch (op) {
    case 'neg':
      return wrap(e.type, `-${a}`);
    case 'not':
      return e.type === 'bool' ? `!${a}` : wrap(e.type, `~${a}`);
    case 'abs':
      return big ? `(${a} < 0n ? asI64(-${a}) : ${a})` : wrap(e.type, `Math.abs(${a})`);
    case 'isnan':
      return `Number.isNaN(${a})`;
    case 'clz':
      return `Math.clz32(${a})`;
    case 'popcount':
    case 'erf':
    case 'round':
    case 'exp2':
      return wrap(e.type, `${op}(${a})`);
    default:
      return wrap(e.type, `Math.${op}(${a})`);
  }
}

function binary(op: string, type: Expr['type'], a: string, b: string): string {
  const float = type === 'f32' || type === 'f64';
  const big = type === 'i64' || type === 'u64';
  if (type === 'bool')
    return `Boolean(${a} ${op === 'eq' ? '===' : op === 'ne' || op === 'xor' ? '!==' : op === 'and' ? '&' : '|'} ${b})`;
  switch (op) {
    case 'mul':
      return float || big ? wrap(type, `${a} * ${b}`) : wrap(type, `Math.imul(${a}, ${b})`);
    case 'div':
    case 'rem': {
      const sign = op === 'div' ? '/' : '%';
      return float
        ? wrap(type, `${a} ${sign} ${b}`)
        : `${big ? 'bigDivide' : 'divide'}('${sign}', ${a}, ${b}, (v) => ${wrap(type, 'v')})`;
    }
    case 'min':
    case 'max':
      return big ? `(${a} ${op === 'min' ? '<' : '>'} ${b} ? ${a} : ${b})` : `Math.${op}(${a}, ${b})`;
    case 'pow':
    case 'atan2':
      return wrap(type, `Math.${op}(${a}, ${b})`);
    case 'shl':
      return wrap(type, big ? `${a} << (${b} & 63n)` : `${a} << ${b}`);
    case 'shr':
      return big ? wrap(type, `${a} >> (${b} & 63n)`) : type === 'u32' ? `(${a} >>> ${b})` : `(${a} >> ${b})`;
    default: {
      const text = `${a} ${INFIX[op] ?? unknown(op)} ${b}`;
      return ['add', 'sub', 'and', 'or', 'xor'].includes(op) ? wrap(type, text) : `(${text})`;
    }
  }
}

function cast(from: Expr['type'], to: Expr['type'], a: string): string {
  const bigFrom = from === 'i64' || from === 'u64';
  const bigTo = to === 'i64' || to === 'u64';
  const floatFrom = from === 'f32' || from === 'f64';
  if (to === 'bool') return bigFrom ? `(${a} !== 0n)` : `(Number(${a}) !== 0)`;
  if (bigTo)
    return floatFrom ? `floatToBig(${a}, ${to === 'i64'})` : wrap(to, `BigInt(${from === 'bool' ? `+(${a})` : a})`);
  if (to === 'f32' || to === 'f64') return wrap(to, bigFrom || from === 'bool' ? `Number(${a})` : a);
  if (floatFrom) return `saturate(${a}, ${to === 'i32' ? '-2147483648, 2147483647' : '0, 4294967295'})`;
  return bigFrom ? `Number(BigInt.${to === 'i32' ? 'asIntN' : 'asUintN'}(32, ${a}))` : wrap(to, `Number(${a})`);
}

function narrow(to: string, type: Expr['type'], a: string): string {
  if (to === 'f16') return `fromF16(toF16(${a}))`;
  if (to === 'bf16') return `fromBf16(toBf16(${a}))`;
  if (to === 'f32') return `fround(${a})`;
  const bits = Number(to.slice(1));
  if (Number.isNaN(bits) || type === 'i64' || type === 'u64') return wrap(type, a);
  return to.startsWith('i') ? `(${a} << ${32 - bits} >> ${32 - bits})` : `(${a} & ${2 ** bits - 1})`;
}

const PRELUDE = `// Printed by the acme backend.
const { fround } = Math;
const fdiv = (a, b) => Math.floor(a / b);
const fmod = (a, b) => a - b * Math.floor(a / b);
const asI64 = (v) => BigInt.asIntN(64, v);
const asU64 = (v) => BigInt.asUintN(64, v);
const divide = (sign, a, b, fit) => (b === 0 ? 0 : fit(sign === '/' ? Math.trunc(a / b) : a % b));
const bigDivide = (sign, a, b, fit) => (b === 0n ? 0n : fit(sign === '/' ? a / b : a % b));
const saturate = (v, low, high) => (Number.isNaN(v) ? 0 : Math.min(high, Math.max(low, Math.trunc(v))));
const floatToBig = (v, signed) => {
  const [low, high] = signed ? [-(1n << 63n), (1n << 63n) - 1n] : [0n, (1n << 64n) - 1n];
  if (Number.isNaN(v)) return 0n;
  if (!Number.isFinite(v)) return v > 0 ? high : low;
  const b = BigInt(Math.trunc(v));
  return b < low ? low : b > high ? high : b;
};
const round = (v) => {
  const f = Math.floor(v), d = v - f;
  return d < 0.5 ? f : d > 0.5 ? f + 1 : f % 2 === 0 ? f : f + 1;
};
const exp2 = (v) => 2 ** v;
const popcount = (v) => { let n = 0; for (v >>>= 0; v; v &= v - 1) n++; return n; };
const erf = (x) => {
  if (Math.abs(x) > 4) return Math.sign(x);
  let term = x, sum = x;
  for (let n = 1; n < 120; n++) { term *= -x * x / n; sum += term / (2 * n + 1); }
  return 2 / Math.sqrt(Math.PI) * sum;
};
const bits = new DataView(new ArrayBuffer(8));
const bitcast = (from, to, v) => {
  if (from === 'f32') bits.setFloat32(0, v); else if (from === 'f64') bits.setFloat64(0, v); else if (typeof v === 'bigint') bits.setBigUint64(0, BigInt.asUintN(64, v)); else bits.setUint32(0, v);
  return to === 'f32' ? bits.getFloat32(0) : to === 'f64' ? bits.getFloat64(0) : to === 'i64' ? bits.getBigInt64(0) : to === 'u64' ? bits.getBigUint64(0) : to === 'i32' ? bits.getInt32(0) : bits.getUint32(0);
};
const dot2 = (a, b, c) => (a << 16 >> 16) * (b << 16 >> 16) + (a >> 16) * (b >> 16) + c | 0;
const dot4 = (a, b, c) => {
  for (let s = 0; s < 32; s += 8) c += (a << 24 - s >> 24) * (b << 24 - s >> 24);
  return c | 0;
};
const toBf16 = (v) => {
  if (Number.isNaN(v)) return 0x7fc0;
  const u = bitcast('f32', 'u32', v);
  return u + 0x7fff + (u >>> 16 & 1) >>> 16;
};
const fromBf16 = (h) => bitcast('u32', 'f32', h << 16);
const fromF16 = (h) => {
  const e = h >> 10 & 31, f = h & 1023, s = h & 0x8000 ? -1 : 1;
  return e === 31 ? (f ? NaN : s * Infinity) : e === 0 ? s * f * 2 ** -24 : s * (1 + f / 1024) * 2 ** (e - 15);
};
const toF16 = (v) => {
  if (Number.isNaN(v)) return 0x7e00;
  const s = v < 0 || Object.is(v, -0) ? 0x8000 : 0, a = Math.abs(v);
  if (a >= 65520) return s | 0x7c00;
  if (a < 2 ** -14) return s | round(a * 2 ** 24);
  const u = bitcast('f64', 'u64', a);
  const e = Number(u >> 52n) - 1023;
  return s | (e + 14 << 10) + round(a / 2 ** e * 1024);
};
`;
