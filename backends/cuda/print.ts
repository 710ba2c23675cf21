import { evaluate, isMultipleOf, isStatic, upperBound } from '../../compiler/ir/dim.ts';
import { bitsOf, computeType } from '../../compiler/ir/dtype.ts';
import type { Buffer } from '../../compiler/ir/expr.ts';
import type { Kernel } from '../../compiler/ir/kernel.ts';
import { InfcError } from '../../runtime/errors.ts';
import type { KernelFile, Target } from '../backend.ts';
import { headerComment, KernelPrinter, type Language, libraryText, type Text, unwrap } from '../c-like-printer.ts';
import { legalizeNarrow } from '../legalize.ts';
import { library } from './library.ts';
import {
  BITCAST,
  binaryScalar,
  COMPARES,
  castScalar,
  constant,
  constantOf,
  isFloat,
  SCALAR,
  STORAGE,
  scalarName,
  storageName,
  suffix,
  typeName,
  unaryScalar,
} from './operators.ts';
import { reserved } from './reserved.ts';

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
  dot2: (a, b, c, p) =>
    p.componentwise([a, b, c], 'i32', ([x, y, z]) => {
      const low = (t?: Text) => `((int)(${t?.text ?? ''} << 16) >> 16)`;
      const high = (t?: Text) => `((int)${t?.text ?? ''} >> 16)`;
      return `(int)((unsigned)${z?.text ?? ''} + (unsigned)(${low(x)} * ${low(y)}) + (unsigned)(${high(x)} * ${high(y)}))`;
    }),
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
    const bits = bitsOf[buffer.storage];
    if (bits < 8) {
      const load = p.need(buffer.storage.startsWith('i') ? 'load_signed' : 'load_unsigned');
      const type = computeType(buffer.storage);
      const at = width === 1 ? p.dim(index) : p.namedDim(index);
      const one = (i: number): string => `${load}<${bits}>(${name}, ${i === 0 ? unwrap(at) : `${at} + ${i}`})`;
      if (width === 1) return one(0);
      p.need('vec');
      return `vec<${scalarName(type)}, ${width}>{{${Array.from({ length: width }, (_, i) => one(i)).join(', ')}}}`;
    }
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
    const bits = bitsOf[buffer.storage];
    if (bits < 8) {
      const at = value.width === 1 ? p.dim(index) : p.namedDim(index);
      const v = value.width === 1 ? value.text : p.name(value);
      for (let i = 0; i < value.width; i++) {
        const part = value.width === 1 ? unwrap(v) : component(v, i);
        p.emit(
          `${p.need('store_bits')}<${bits}>(${name}, ${i === 0 ? unwrap(at) : `${at} + ${i}`}, (unsigned)(${part}));`,
        );
      }
      return;
    }
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
export function printKernel(source: Kernel): {
  readonly text: string;
  readonly entry: string;
  readonly needed: ReadonlySet<string>;
} {
  const kernel = legalizeNarrow(source);
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
