import { evaluate, isMultipleOf, isStatic, upperBound } from '../../compiler/ir/dim.ts';
import type { DType, ScalarType } from '../../compiler/ir/dtype.ts';
import { computeType } from '../../compiler/ir/dtype.ts';
import type { BinaryOp, Buffer, Expr, UnaryOp, Width } from '../../compiler/ir/expr.ts';
import type { Kernel } from '../../compiler/ir/kernel.ts';
import { InfcError } from '../../runtime/errors.ts';
import type { KernelFile, Target } from '../backend.ts';
import {
  headerComment,
  KernelPrinter,
  type Language,
  libraryText,
  shortestFloat,
  type Text,
  unwrap,
} from '../c-like-printer.ts';
import { library } from './library.ts';
import { reserved } from './reserved.ts';

const SCALAR: Partial<Record<ScalarType, string>> = {
  f64: 'double',
  f32: 'float',
  i64: 'long long',
  u64: 'unsigned long long',
  i32: 'int',
  u32: 'unsigned',
  bool: 'bool',
};

/** Element type in memory; 16-bit floats are kept as bits. */
const STORAGE: Partial<Record<DType, string>> = {
  f64: 'double',
  f32: 'float',
  f16: 'unsigned short',
  bf16: 'unsigned short',
  i64: 'long long',
  u64: 'unsigned long long',
  i32: 'int',
  u32: 'unsigned',
  i16: 'short',
  u16: 'unsigned short',
  i8: 'signed char',
  u8: 'unsigned char',
  bool: 'unsigned char',
};

/** dtypes whose elements kernels of this backend may load and store. */
export const storable = (dtype: DType): boolean => STORAGE[dtype] !== undefined;

const OPERATOR: Partial<Record<BinaryOp, string>> = {
  add: '+',
  sub: '-',
  mul: '*',
  and: '&',
  or: '|',
  xor: '^',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
  eq: '==',
  ne: '!=',
};

const COMPARES: ReadonlySet<BinaryOp> = new Set(['lt', 'le', 'gt', 'ge', 'eq', 'ne']);
const MATH: Partial<Record<UnaryOp, string>> = { abs: 'fabs', round: 'rint' };
const isFloat = (t: ScalarType): boolean => t === 'f32' || t === 'f64';
const suffix = (t: ScalarType): string => (t === 'f32' ? 'f' : '');

function scalarName(type: ScalarType): string {
  const s = SCALAR[type];
  if (!s)
    throw new InfcError('INFC4021', `CUDA kernels of this backend do not compute in ${type}`, {
      fix: 'Compute in f32',
    });
  return s;
}

const typeName = (type: ScalarType, width: Width): string =>
  width === 1 ? scalarName(type) : `vec<${scalarName(type)}, ${width}>`;

function storageName(b: Buffer, p: KernelPrinter): string {
  const s = STORAGE[b.storage];
  if (!s) throw p.error(`buffer '${b.name}' is stored as ${b.storage}, which CUDA kernels cannot load`);
  return s;
}

function unaryScalar(op: UnaryOp, a: Text, p: KernelPrinter): string {
  const { type, text: x } = a;
  if (op === 'isnan') {
    if (!isFloat(type)) return 'false';
    const v = p.name(a);
    return `(${v} != ${v})`;
  }
  if (type === 'bool') {
    if (op === 'not') return `(!${x})`;
    throw p.error(`'${op}' has no meaning on bool`);
  }
  if (isFloat(type)) {
    if (op === 'neg') return `(-${x})`;
    if (op === 'not' || op === 'popcount' || op === 'clz') throw p.error(`'${op}' has no meaning on ${type}`);
    return `${MATH[op] ?? op}${suffix(type)}(${unwrap(x)})`;
  }
  const wide = type === 'i64' || type === 'u64';
  switch (op) {
    case 'neg':
      return `(${scalarName(type)})(0${wide ? 'ull' : 'u'} - (${wide ? 'unsigned long long' : 'unsigned'})${x})`;
    case 'abs': {
      if (type.startsWith('u')) return x;
      const v = p.name(a);
      return `(${v} < 0 ? ${unaryScalar('neg', { ...a, text: v }, p)} : ${v})`;
    }
    case 'not':
      return `(~${x})`;
    case 'popcount':
      return `(${scalarName(type)})${wide ? `__popcll(${x})` : `__popc(${x})`}`;
    case 'clz':
      return `(${scalarName(type)})${wide ? `__clzll(${x})` : `__clz(${x})`}`;
    case 'floor':
    case 'ceil':
    case 'trunc':
    case 'round':
      return x;
    default:
      throw p.error(`'${op}' has no meaning on ${type}`);
  }
}

function binaryScalar(op: BinaryOp, a: Text, b: Text, divisor: number | bigint | undefined, p: KernelPrinter): string {
  const { type } = a;
  const [x, y] = [a.text, b.text];
  if (type === 'bool') {
    if (op === 'mul' || op === 'min') return `(${x} && ${y})`;
    if (op === 'add' || op === 'max') return `(${x} || ${y})`;
    if (op === 'xor') return `(${x} != ${y})`;
    if (op === 'and' || op === 'or') return `(${x} ${op === 'and' ? '&&' : '||'} ${y})`;
  }
  const name = scalarName(type);
  // Signed overflow is undefined in C++: arithmetic wraps through the unsigned type.
  const wraps = type === 'i32' || type === 'i64';
  const unsigned = type === 'i32' ? 'unsigned' : 'unsigned long long';
  switch (op) {
    case 'div':
    case 'rem':
      if (isFloat(type)) return op === 'div' ? `(${x} / ${y})` : `fmod${suffix(type)}(${unwrap(x)}, ${unwrap(y)})`;
      if (divisor !== undefined && Number(divisor) > 0) return `(${x} ${op === 'div' ? '/' : '%'} ${y})`;
      return `${p.need(`${op}_${type}`)}(${unwrap(x)}, ${unwrap(y)})`;
    case 'min':
    case 'max': {
      if (!isFloat(type)) {
        const u = p.name(a);
        const v = p.name(b);
        return `(${u} ${op === 'min' ? '<' : '>'} ${v} ? ${u} : ${v})`;
      }
      if (divisor !== undefined && !Number.isNaN(Number(divisor))) {
        const u = p.name(a);
        return `(${u} ${op === 'min' ? '>' : '<'} ${y} ? ${y} : ${u})`;
      }
      return `${p.need(`${op}_float`)}(${unwrap(x)}, ${unwrap(y)})`;
    }
    case 'pow':
      if (!isFloat(type)) return `${p.need('pow_integer')}(${unwrap(x)}, ${unwrap(y)})`;
      if (divisor === 2) {
        const u = p.name(a);
        return `(${u} * ${u})`;
      }
      return `pow${suffix(type)}(${unwrap(x)}, ${unwrap(y)})`;
    case 'atan2':
      return `atan2${suffix(type)}(${unwrap(x)}, ${unwrap(y)})`;
    case 'shl':
    case 'shr': {
      const mask = type === 'i64' || type === 'u64' ? 63 : 31;
      const amount = divisor !== undefined ? String(Number(divisor) & mask) : `(${y} & ${mask})`;
      return op === 'shl' && wraps
        ? `(${name})((${unsigned})${x} << ${amount})`
        : `(${x} ${op === 'shl' ? '<<' : '>>'} ${amount})`;
    }
    case 'add':
    case 'sub':
    case 'mul':
      if (wraps) return `(${name})((${unsigned})${x} ${OPERATOR[op]} (${unsigned})${y})`;
  }
  const symbol = OPERATOR[op];
  if (!symbol) throw p.error(`'${op}' has no meaning on ${type}`);
  return `(${x} ${symbol} ${y})`;
}

const constantOf = (e: Expr): number | bigint | undefined =>
  e.node.kind === 'const' ? e.node.value : e.node.kind === 'splat' ? constantOf(e.node.a) : undefined;

function castScalar(to: ScalarType, a: Text, p: KernelPrinter): string {
  if (a.type === to) return a.text;
  if (to === 'bool') return `(${a.text} != 0)`;
  if (isFloat(a.type) && !isFloat(to)) return `${p.need(`${a.type}_to_${to}`)}(${unwrap(a.text)})`;
  return `(${scalarName(to)})${a.text}`;
}

function constant(type: ScalarType, value: number | bigint): string {
  switch (type) {
    case 'bool':
      return Number(value) !== 0 ? 'true' : 'false';
    case 'i32': {
      const v = Number(value) | 0;
      return v === -2147483648 ? '(int)0x80000000u' : v < 0 ? `(${v})` : String(v);
    }
    case 'u32':
      return `${Number(value) >>> 0}u`;
    case 'i64': {
      const v = BigInt.asIntN(64, BigInt(value));
      return v === -(2n ** 63n) ? '(long long)0x8000000000000000ull' : v < 0n ? `(${v}ll)` : `${v}ll`;
    }
    case 'u64':
      return `${BigInt.asUintN(64, BigInt(value))}ull`;
    case 'f32':
    case 'f64': {
      const v = type === 'f32' ? Math.fround(Number(value)) : Number(value);
      if (Number.isNaN(v))
        return type === 'f32' ? '__int_as_float(0x7fc00000)' : '__longlong_as_double(0x7ff8000000000000ll)';
      const negative = v < 0 || Object.is(v, -0);
      const m = Math.abs(v);
      const text = !Number.isFinite(m)
        ? type === 'f32'
          ? '__int_as_float(0x7f800000)'
          : '__longlong_as_double(0x7ff0000000000000ll)'
        : type === 'f32'
          ? `${shortestFloat(m)}f`
          : /[.e]/.test(String(m))
            ? String(m)
            : `${m}.0`;
      return negative ? `(-${text})` : text;
    }
    case 'f16':
      return scalarName(type);
  }
}

const BITCAST: Partial<Record<`${ScalarType} ${ScalarType}`, string>> = {
  'f32 i32': '__float_as_int',
  'f32 u32': '__float_as_uint',
  'i32 f32': '__int_as_float',
  'u32 f32': '__uint_as_float',
  'i32 u32': '(unsigned)',
  'u32 i32': '(int)',
  'f64 i64': '__double_as_longlong',
  'i64 f64': '__longlong_as_double',
  'i64 u64': '(unsigned long long)',
  'u64 i64': '(long long)',
};

/** The value of a stored element, and what is stored for a value. */
function widen(b: Buffer, raw: string, p: KernelPrinter): string {
  if (b.storage === 'f16' || b.storage === 'bf16') return `${p.need(`load_${b.storage}`)}(${raw})`;
  if (b.storage === 'bool') return `(${raw} != 0)`;
  const type = computeType(b.storage);
  return STORAGE[b.storage] === SCALAR[type] ? raw : `(${scalarName(type)})${raw}`;
}

function narrowed(b: Buffer, value: string, p: KernelPrinter): string {
  if (b.storage === 'f16' || b.storage === 'bf16') return `${p.need(`store_${b.storage}`)}(${unwrap(value)})`;
  if (b.storage === 'bool') return `(unsigned char)(${unwrap(value)})`;
  return STORAGE[b.storage] === SCALAR[computeType(b.storage)] ? value : `(${storageName(b, p)})(${unwrap(value)})`;
}

const component = (a: string, i: number): string => `${a}.v[${i}]`;

function subgroupLanes(p: KernelPrinter): number {
  const { lanes } = p.kernel;
  if (lanes % 32 === 0) return 32;
  if (lanes < 32 && (lanes & (lanes - 1)) === 0) return lanes;
  throw p.error(`subgroup operations need a multiple of 32 lanes or a power of two below, not ${lanes}`);
}

const language: Language = {
  reserved,
  library,
  lazyTernary: true,
  type: typeName,
  constant: (type, value) => constant(type, value),
  unary: (op, a, p) =>
    p.componentwise([a], op === 'isnan' ? 'bool' : a.type, ([x]) => (x ? unaryScalar(op, x, p) : '')),
  binary: (op, a, b, nodes, p) => {
    const divisor = constantOf(nodes.b);
    return p.componentwise([a, b], COMPARES.has(op) ? 'bool' : a.type, ([x, y]) =>
      x && y ? binaryScalar(op, x, y, divisor, p) : '',
    );
  },
  fma: (a, b, c, p) =>
    p.componentwise([a, b, c], a.type, ([x, y, z]) =>
      isFloat(a.type)
        ? `fma${suffix(a.type)}(${unwrap(x?.text ?? '')}, ${unwrap(y?.text ?? '')}, ${unwrap(z?.text ?? '')})`
        : `(${x?.text ?? ''} * ${y?.text ?? ''} + ${z?.text ?? ''})`,
    ),
  select: (c, a, b, p) =>
    p.componentwise([c, a, b], a.type, ([t, x, y]) => `(${t?.text ?? ''} ? ${x?.text ?? ''} : ${y?.text ?? ''})`),
  cast: (to, a, p) => p.componentwise([a], to, ([x]) => (x ? castScalar(to, x, p) : '')),
  bitcast: (to, a, p) => {
    const f = BITCAST[`${a.type} ${to}`];
    if (!f) throw p.error(`no bitcast from ${a.type} to ${to}`);
    return p.componentwise([a], to, ([x]) => `${f}(${x?.text ?? ''})`);
  },
  narrow: (to, a, p) =>
    p.componentwise([a], a.type, ([x]) => {
      if (!x) return '';
      if (to === 'bool') return castScalar(a.type, { text: castScalar('bool', x, p), type: 'bool', width: 1 }, p);
      if (to === 'f16' || to === 'bf16')
        return castScalar(
          a.type,
          { text: `${p.need(`narrow_${to}`)}(${castScalar('f32', x, p)})`, type: 'f32', width: 1 },
          p,
        );
      const storage = STORAGE[to];
      if (!storage) throw p.error(`narrowing to ${to} is not available in CUDA`);
      const integer = to.startsWith('i') ? 'i32' : 'u32';
      const v = isFloat(a.type) && !to.startsWith('f') ? castScalar(integer, x, p) : x.text;
      return `(${scalarName(a.type)})(${storage})${v}`;
    }),
  pack: (type, elements) =>
    elements.length === 1
      ? (elements[0] ?? '')
      : `vec<${scalarName(type)}, ${elements.length}>{{${elements.join(', ')}}}`,
  component,
  dot4: (a, b, c, p) =>
    p.componentwise(
      [a, b, c],
      'i32',
      ([x, y, z]) => `__dp4a((int)${x?.text ?? ''}, (int)${y?.text ?? ''}, ${z?.text ?? ''})`,
    ),
  subgroup: (op, a, mask, p) => {
    const n = subgroupLanes(p);
    const f = p.need(
      { add: 'warp_add', max: 'warp_max', min: 'warp_min', broadcastFirst: 'warp_first', shuffleXor: 'warp_xor' }[op],
    );
    return p.componentwise(
      [a],
      a.type,
      ([x]) => `${f}<${n}>(${x?.text ?? ''}${op === 'shuffleXor' ? `, ${mask}` : ''})`,
    );
  },
  intrinsic: (name, _args, _result, p) => {
    throw p.error(`intrinsic '${name}' is not available in CUDA`);
  },
  load: (buffer, index, width, p) => {
    const name = p.identifier(buffer.name);
    storageName(buffer, p);
    if (width === 1) return widen(buffer, `${name}[${unwrap(p.dim(index))}]`, p);
    const type = computeType(buffer.storage);
    const base = p.namedDim(index);
    let raw: (i: number) => string = (i) => `${name}[${base} + ${i}]`;
    if (isMultipleOf(index, width) && buffer.space === 'global') {
      p.need('vec');
      const whole = `${p.need('load_vec')}<${width}>(${name} + ${base})`;
      if (STORAGE[buffer.storage] === SCALAR[type]) return whole;
      const id = p.fresh('raw');
      p.emit(`const vec<${storageName(buffer, p)}, ${width}> ${id} = ${whole};`);
      raw = (i) => component(id, i);
    }
    p.need('vec');
    return `vec<${scalarName(type)}, ${width}>{{${Array.from({ length: width }, (_, i) => widen(buffer, raw(i), p)).join(', ')}}}`;
  },
  store: (buffer, index, value, p) => {
    const name = p.identifier(buffer.name);
    storageName(buffer, p);
    if (value.width === 1) {
      p.emit(`${name}[${unwrap(p.dim(index))}] = ${narrowed(buffer, value.text, p)};`);
      return;
    }
    const v = p.name(value);
    const base = p.namedDim(index);
    const parts = Array.from({ length: value.width }, (_, i) => narrowed(buffer, component(v, i), p));
    if (isMultipleOf(index, value.width) && buffer.space === 'global') {
      p.need('vec');
      p.emit(
        `${p.need('store_vec')}<${value.width}>(${name} + ${base}, vec<${storageName(buffer, p)}, ${value.width}>{{${parts.join(', ')}}});`,
      );
      return;
    }
    parts.forEach((x, i) => {
      p.emit(`${name}[${base} + ${i}] = ${x};`);
    });
  },
  atomicAdd: (buffer, index, value, p) => {
    if (!['f32', 'f64', 'i32', 'u32', 'u64'].includes(buffer.storage))
      throw p.error(`atomic addition on ${buffer.storage} is not available in CUDA`);
    p.emit(`atomicAdd(&${p.identifier(buffer.name)}[${unwrap(p.dim(index))}], ${value.text});`);
  },
  barrier: (p) => p.emit('__syncthreads();'),
  floorDiv: (a, b, p) => `${p.need('floor_div')}(${a}, ${b})`,
  floorMod: (a, b, p) => `${p.need('floor_mod')}(${a}, ${b})`,
  let: (name, type, width, value) => `const ${typeName(type, width)} ${name} = ${value};`,
  var: (name, type, width, value) => `${typeName(type, width)} ${name}${value === undefined ? '' : ` = ${value}`};`,
  loop: (i, from, to, step) => `for (int ${i} = ${from}; ${i} < ${to}; ${i} += ${step})`,
};

/** Largest grid size in y and z; x may reach 2^31 - 1. */
export const MAX_GROUPS_YZ = 65535;

/** Text of one kernel and the library functions it needs. */
export function printKernel(kernel: Kernel): {
  readonly text: string;
  readonly entry: string;
  readonly needed: ReadonlySet<string>;
} {
  if (kernel.kind !== 'simt')
    throw new InfcError('INFC4020', `kernel '${kernel.name}' is of kind simd: CUDA runs simt kernels only`);
  const p = new KernelPrinter(kernel, language);
  const entry = p.identifier(kernel.name);
  const body = p.body();
  if (body.some((l) => l.includes('vec<'))) p.need('vec');
  const params = [
    ...kernel.buffers.map(
      (b) => `${b.access === 'read' ? 'const ' : ''}${storageName(b, p)}* __restrict__ ${p.identifier(b.name)}`,
    ),
    ...kernel.scalars.map((s) => `const int ${p.identifier(s)}`),
  ];
  const prelude: string[] = [];
  for (const b of kernel.shared)
    prelude.push(
      `  __shared__ __align__(16) ${storageName(b, p)} ${p.identifier(b.name)}[${evaluate(b.elements, {})}];`,
    );
  if (kernel.lanes > 1) prelude.push('  const int lane = threadIdx.x;');
  const [gx, gy, gz] = kernel.grid;
  if (upperBound(gy) > MAX_GROUPS_YZ || upperBound(gz) > MAX_GROUPS_YZ) {
    // The device may launch the whole grid along x.
    prelude.push('  const int linear = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);');
    prelude.push(
      `  const int groupX = linear % ${p.dim(gx)};`,
      `  const int groupY = linear / ${p.dim(gx)} % ${p.dim(gy)};`,
    );
    prelude.push(`  const int groupZ = linear / (${p.dim(gx)} * ${p.dim(gy)});`);
  } else {
    for (const [axis, g] of [['X', gx] as const, ['Y', gy] as const, ['Z', gz] as const])
      if (!isStatic(g) || g > 1) prelude.push(`  const int group${axis} = blockIdx.${axis.toLowerCase()};`);
  }
  const text =
    `${headerComment(kernel)}extern "C" __global__ void __launch_bounds__(${kernel.lanes}) ${entry}(${params.join(', ')}) {\n` +
    `${[...prelude, ...body].join('\n')}\n}\n`;
  return { text, entry, needed: p.needed };
}

/** All kernels in one file, `kernels.cu`: plain CUDA C++ for nvcc or NVRTC. */
export function printCuda(kernels: readonly Kernel[], target: Target): readonly KernelFile[] {
  const needed = new Set<string>();
  const entries = new Map<string, string>();
  const taken = new Set<string>();
  let text = '';
  for (const k of kernels) {
    if (k.lanes > target.maxLanes)
      throw new InfcError('INFC4022', `kernel '${k.name}' has ${k.lanes} lanes; the target allows ${target.maxLanes}`);
    const printed = printKernel(k);
    if (taken.has(printed.entry))
      throw new InfcError('INFC4020', `two kernels are named '${printed.entry}'`, {
        fix: 'Give each kernel its own name',
      });
    taken.add(printed.entry);
    for (const n of printed.needed) needed.add(n);
    entries.set(k.name, printed.entry);
    text += `\n${printed.text}`;
  }
  const includesHalf = [...needed].some((n) => n.endsWith('_f16'));
  const content = `${includesHalf ? '#include <cuda_fp16.h>\n\n' : ''}${libraryText(library, needed)}${text.trimStart()}`;
  return [{ file: 'kernels.cu', content, entries }];
}
