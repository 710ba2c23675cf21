import { evaluate, isStatic, upperBound } from '../../compiler/ir/dim.ts';
import type { ScalarType } from '../../compiler/ir/dtype.ts';
import type { BinaryOp, Expr, UnaryOp, Width } from '../../compiler/ir/expr.ts';
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
} from '../c-like-printer.ts';
import { int64 } from './int64.ts';
import { library } from './library.ts';
import { reserved } from './reserved.ts';
import { printLoad, printStore, type Representation, representations } from './storage.ts';

const OPERATOR: Partial<Record<BinaryOp, string>> = {
  add: '+',
  sub: '-',
  mul: '*',
  div: '/',
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

const is64 = (t: ScalarType): boolean => t === 'i64' || t === 'u64';

/** Unary functions of WGSL whose precision and domain suit; the rest come from the library. */
const NATIVE: ReadonlySet<UnaryOp> = new Set(['abs', 'floor', 'ceil', 'trunc', 'round', 'sqrt', 'exp', 'exp2', 'log2']);
const FROM_LIBRARY: ReadonlySet<UnaryOp> = new Set([
  ...([
    'log',
    'sin',
    'cos',
    'tan',
    'asin',
    'acos',
    'atan',
    'sinh',
    'cosh',
    'tanh',
    'asinh',
    'acosh',
    'atanh',
    'erf',
  ] as const),
]);

function typeName(type: ScalarType, width: Width): string {
  const scalar = is64(type) ? 'vec2<u32>' : type;
  if (type === 'f64' || type === 'f16')
    throw new InfcError('INFC4021', `WGSL kernels cannot compute in ${type}`, {
      fix: 'Compute in f32, or run the op on the host',
    });
  if (width === 1) return scalar;
  if ((width === 2 || width === 4) && !is64(type)) return `vec${width}<${type}>`;
  throw new InfcError('INFC4021', `WGSL has no vector of ${width} ${type} values`, {
    fix: 'Use width 1, 2 or 4 of a 32-bit type',
  });
}

function unary(op: UnaryOp, a: Text, p: KernelPrinter): string {
  const x = a.text;
  if (is64(a.type)) {
    if (op === 'neg') return `${p.need('neg_64')}(${x})`;
    if (op === 'not') return `(~${x})`;
    if (op === 'abs') return a.type === 'u64' ? x : `${p.need('abs_i64')}(${x})`;
    if (op === 'isnan') return 'false';
    if (op === 'floor' || op === 'ceil' || op === 'trunc' || op === 'round') return x;
    throw p.error(`'${op}' of a 64-bit integer is not available in WGSL`);
  }
  if (a.type === 'bool') {
    if (op === 'not') return `(!${x})`;
    throw p.error(`'${op}' has no meaning on bool`);
  }
  if (a.type !== 'f32') {
    if (op === 'neg') return a.type === 'u32' ? `(~${x} + 1u)` : `(-${x})`;
    if (op === 'not') return `(~${x})`;
    if (op === 'abs') return `abs(${x})`;
    if (op === 'popcount') return `countOneBits(${x})`;
    if (op === 'clz') return `countLeadingZeros(${x})`;
    if (op === 'isnan') return a.width === 1 ? 'false' : `vec${a.width}<bool>(false)`;
    if (op === 'floor' || op === 'ceil' || op === 'trunc' || op === 'round') return x;
    throw p.error(`'${op}' has no meaning on ${a.type}`);
  }
  if (op === 'neg') return `(-${x})`;
  if (NATIVE.has(op)) return `${op}(${x})`;
  const call = (name: string, type: ScalarType): string =>
    p.componentwise([a], type, ([v]) => `${p.need(name)}(${v?.text ?? ''})`);
  if (op === 'isnan') return call('is_nan', 'bool');
  if (FROM_LIBRARY.has(op)) return call(`${op}_f32`, 'f32');
  throw p.error(`'${op}' has no meaning on f32`);
}

const constantOf = (e: Expr): number | bigint | undefined =>
  e.node.kind === 'const' ? e.node.value : e.node.kind === 'splat' ? constantOf(e.node.a) : undefined;

function binary(
  op: BinaryOp,
  a: Text,
  b: Text,
  nodes: { readonly a: Expr; readonly b: Expr },
  p: KernelPrinter,
): string {
  const type = a.type;
  const call = (name: string, result: ScalarType = type): string =>
    p.componentwise([a, b], result, ([x, y]) => `${p.need(name)}(${x?.text ?? ''}, ${y?.text ?? ''})`);
  if (is64(type)) return binary64(op, a, b, p);
  const divisor = constantOf(nodes.b);
  switch (op) {
    case 'div':
    case 'rem':
      if (type === 'f32') return op === 'div' ? `(${a.text} / ${b.text})` : call('rem_f32');
      if (divisor !== undefined && Number(divisor) > 0) return `(${a.text} ${op === 'div' ? '/' : '%'} ${b.text})`;
      return call(`${op}_${type}`);
    case 'min':
    case 'max':
      if (type === 'bool') return `(${a.text} ${op === 'min' ? '&' : '|'} ${b.text})`;
      if (type !== 'f32') return `${op}(${a.text}, ${b.text})`;
      return floatMinMax(op, a, b, nodes, p);
    case 'pow':
      return type === 'f32' ? power(a, divisor, call, p) : call(`pow_${type}`);
    case 'atan2':
      return call('atan2_f32');
    case 'shl':
    case 'shr': {
      const word = a.width === 1 ? 'u32' : `vec${a.width}<u32>`;
      const amount =
        divisor !== undefined && a.width === 1 ? `${Number(divisor) & 31}u` : `(${word}(${b.text}) & ${word}(31u))`;
      return `(${a.text} ${op === 'shl' ? '<<' : '>>'} ${amount})`;
    }
    case 'xor':
      if (type === 'bool') return `(${a.text} != ${b.text})`;
      break;
    case 'mul':
      if (type === 'bool') return `(${a.text} & ${b.text})`;
      break;
    case 'add':
      if (type === 'bool') return `(${a.text} | ${b.text})`;
      break;
    case 'lt':
    case 'le':
    case 'gt':
    case 'ge':
      if (type === 'bool') {
        const u = (t: Text) => (t.width === 1 ? `u32(${t.text})` : `vec${t.width}<u32>(${t.text})`);
        return `(${u(a)} ${OPERATOR[op]} ${u(b)})`;
      }
      break;
  }
  // Compilers print != as an ordered comparison, false for NaN.
  if (op === 'ne' && type === 'f32') return `!(${a.text} == ${b.text})`;
  const symbol = OPERATOR[op];
  if (!symbol) throw p.error(`'${op}' has no meaning on ${type}`);
  return `(${a.text} ${symbol} ${b.text})`;
}

/** One comparison suffices against a constant: it keeps the other operand when that is NaN. */
function floatMinMax(
  op: 'min' | 'max',
  a: Text,
  b: Text,
  nodes: { readonly a: Expr; readonly b: Expr },
  p: KernelPrinter,
): string {
  const compare = op === 'min' ? '>' : '<';
  const isNumber = (e: Expr): boolean => {
    const c = constantOf(e);
    return c !== undefined && !Number.isNaN(Number(c));
  };
  if (isNumber(nodes.b)) {
    const x = p.name(a);
    return `select(${x}, ${b.text}, ${x} ${compare} ${b.text})`;
  }
  if (isNumber(nodes.a)) {
    const y = p.name(b);
    return `select(${y}, ${a.text}, ${y} ${compare} ${a.text})`;
  }
  return p.componentwise([a, b], 'f32', ([x, y]) => `${p.need(`${op}_f32`)}(${x?.text ?? ''}, ${y?.text ?? ''})`);
}

function power(
  a: Text,
  exponent: number | bigint | undefined,
  call: (name: string) => string,
  p: KernelPrinter,
): string {
  if (a.width === 1 && exponent !== undefined) {
    const x = p.name(a);
    if (exponent === 1) return x;
    if (exponent === 2) return `(${x} * ${x})`;
    if (exponent === 3) return `(${x} * ${x} * ${x})`;
    if (exponent === 4) return `((${x} * ${x}) * (${x} * ${x}))`;
    if (exponent === 0.5) return `sqrt(${x})`;
    if (exponent === -1) return `(1.0 / ${x})`;
    if (exponent === -0.5) return `(1.0 / sqrt(${x}))`;
    if (exponent === -2) return `(1.0 / (${x} * ${x}))`;
  }
  return call('pow_f32');
}

function binary64(op: BinaryOp, a: Text, b: Text, p: KernelPrinter): string {
  const [x, y] = [a.text, b.text];
  const sign = a.type;
  switch (op) {
    case 'add':
    case 'sub':
    case 'mul':
    case 'shl':
    case 'pow':
      return `${p.need(`${op}_64`)}(${x}, ${y})`;
    case 'div':
    case 'rem':
    case 'min':
    case 'max':
    case 'shr':
    case 'lt':
      return `${p.need(`${op}_${sign}`)}(${x}, ${y})`;
    case 'gt':
      return `${p.need(`lt_${sign}`)}(${y}, ${x})`;
    case 'le':
      return `(!${p.need(`lt_${sign}`)}(${y}, ${x}))`;
    case 'ge':
      return `(!${p.need(`lt_${sign}`)}(${x}, ${y}))`;
    case 'eq':
      return `all(${x} == ${y})`;
    case 'ne':
      return `any(${x} != ${y})`;
    case 'and':
    case 'or':
    case 'xor':
      return `(${x} ${OPERATOR[op]} ${y})`;
    case 'atan2':
      throw p.error("'atan2' has no meaning on 64-bit integers");
  }
}

function cast(to: ScalarType, a: Text, p: KernelPrinter): string {
  const x = a.text;
  const wide = typeName(to, a.width);
  if (a.type === to) return x;
  if (is64(to)) {
    if (a.width !== 1) throw p.error('vectors of 64-bit integers are not available in WGSL');
    if (is64(a.type)) return x;
    if (a.type === 'f32') return `${p.need(`f32_to_${to}`)}(${x})`;
    return a.type === 'i32'
      ? `${p.need('i32_to_64')}(${x})`
      : `${p.need('u32_to_64')}(${a.type === 'bool' ? `u32(${x})` : x})`;
  }
  if (is64(a.type)) {
    if (to === 'bool') return `any(${x} != vec2<u32>(0u))`;
    if (to === 'f32') return `${p.need(`${a.type}_to_f32`)}(${x})`;
    const word = `${p.name(a)}.x`;
    return to === 'i32' ? `bitcast<i32>(${word})` : word;
  }
  if (a.type === 'f32' && (to === 'i32' || to === 'u32'))
    return p.componentwise([a], to, ([v]) => `${p.need(`f32_to_${to}`)}(${v?.text ?? ''})`);
  return `${wide}(${x})`;
}

function constant(type: ScalarType, value: number | bigint, p: KernelPrinter): string {
  switch (type) {
    case 'bool':
      return Number(value) !== 0 ? 'true' : 'false';
    case 'i32': {
      const v = Number(value) | 0;
      return v === -2147483648 ? 'i32(-2147483648)' : v < 0 ? `(${v})` : String(v);
    }
    case 'u32':
      return `${Number(value) >>> 0}u`;
    case 'i64':
    case 'u64': {
      const v = BigInt.asUintN(64, BigInt(value));
      return `vec2<u32>(${v & 0xffffffffn}u, ${v >> 32n}u)`;
    }
    case 'f32': {
      const v = Math.fround(Number(value));
      if (Number.isNaN(v)) return `bitcast<f32>(${p.need('special_bits')}.y)`;
      if (!Number.isFinite(v))
        return v > 0 ? `bitcast<f32>(${p.need('special_bits')}.x)` : `(-bitcast<f32>(${p.need('special_bits')}.x))`;
      const text = shortestFloat(Math.abs(v));
      return v < 0 || Object.is(v, -0) ? `(-${text})` : text;
    }
    default:
      return typeName(type, 1);
  }
}

const language = (reps: ReadonlyMap<string, Representation>): Language => {
  const rep = (name: string): Representation => {
    const r = reps.get(name);
    if (!r) throw new InfcError('INFC4007', `buffer '${name}' is used but not declared by the kernel`);
    return r;
  };
  return {
    reserved,
    library: { ...library, ...int64 },
    lazyTernary: false,
    type: typeName,
    constant,
    unary,
    binary,
    fma: (a, b, c, p) =>
      a.type === 'f32'
        ? `fma(${a.text}, ${b.text}, ${c.text})`
        : is64(a.type)
          ? `${p.need('add_64')}(${p.need('mul_64')}(${a.text}, ${b.text}), ${c.text})`
          : `(${a.text} * ${b.text} + ${c.text})`,
    select: (c, a, b) => `select(${b.text}, ${a.text}, ${c.text})`,
    cast,
    bitcast: (to, a) => (is64(to) ? a.text : `bitcast<${typeName(to, a.width)}>(${a.text})`),
    narrow: (to, a, p) => {
      if (to === 'f32' || to === 'i32' || to === 'u32' || to === 'i64' || to === 'u64') return a.text;
      if (to === 'bool')
        return a.type === 'bool' ? a.text : cast(a.type, { ...a, type: 'bool', text: cast('bool', a, p) }, p);
      const through = to.startsWith('i') ? 'i32' : to.startsWith('u') ? 'u32' : 'f32';
      const helper = `narrow_${to}`;
      if (!Object.hasOwn(library, helper)) throw p.error(`narrowing to ${to} is not available in WGSL`);
      const v: Text = { text: cast(through, a, p), type: through, width: a.width };
      const text = p.componentwise([v], through, ([x]) => `${p.need(helper)}(${x?.text ?? ''})`);
      return cast(a.type, { ...v, text }, p);
    },
    pack: (type, elements) => `${typeName(type, elements.length as Width)}(${elements.join(', ')})`,
    component: (a, i) => `${a}.${'xyzw'[i] ?? 'x'}`,
    dot4: (a, b, c, p) =>
      p.componentwise(
        [a, b, c],
        'i32',
        ([x, y, z]) => `(${z?.text ?? ''} + dot4I8Packed(${x?.text ?? ''}, ${y?.text ?? ''}))`,
      ),
    subgroup: (op, a, mask, p) => {
      if (is64(a.type) || a.type === 'bool')
        throw p.error(`subgroup operations on ${a.type} are not available in WGSL`);
      p.needed.add('subgroups');
      if (op === 'shuffleXor') return `subgroupShuffleXor(${a.text}, ${mask}u)`;
      return `${{ add: 'subgroupAdd', max: 'subgroupMax', min: 'subgroupMin', broadcastFirst: 'subgroupBroadcastFirst' }[op]}(${a.text})`;
    },
    intrinsic: (name, _args, _result, p) => {
      throw p.error(`intrinsic '${name}' is not available in WGSL`);
    },
    load: (buffer, index, width, p) => printLoad(buffer, rep(buffer.name), index, width, p),
    store: (buffer, index, value, p) => printStore(buffer, rep(buffer.name), index, value, p),
    atomicAdd: (buffer, index, value, p) => {
      const at = `&${p.identifier(buffer.name)}[${p.dim(index)}]`;
      if (buffer.storage === 'f32' && buffer.space === 'global') p.emit(`${p.need('add_f32')}(${at}, ${value.text});`);
      else if (buffer.storage === 'i32' || buffer.storage === 'u32') p.emit(`atomicAdd(${at}, ${value.text});`);
      else throw p.error(`atomic addition on ${buffer.space} ${buffer.storage} is not available in WGSL`);
    },
    barrier: (p) => {
      p.emit('workgroupBarrier();');
      if (p.kernel.buffers.some((b) => b.access === 'read_write')) p.emit('storageBarrier();');
    },
    floorDiv: (a, b, p) => `${p.need('floor_div')}(${a}, ${b})`,
    floorMod: (a, b, p) => `${p.need('floor_mod')}(${a}, ${b})`,
    let: (name, _type, _width, value) => `let ${name} = ${value};`,
    var: (name, type, width, value) =>
      value === undefined
        ? `var ${name}: ${typeName(type, width)};`
        : `var ${name}: ${typeName(type, width)} = ${value};`,
    loop: (i, from, to, step) => `for (var ${i}: i32 = ${from}; ${i} < ${to}; ${i} += ${step})`,
  };
};

/** Workgroups a dispatch may have in one dimension (WebGPU's default limit). */
export const MAX_GROUPS = 65535;

/**
 * WGSL of one kernel. Bindings: group 0, binding i = buffer i, then one uniform struct of i32 scalars. When a grid dimension may exceed
 * {@link MAX_GROUPS} the kernel decodes its indices from the linear workgroup number, so the device may dispatch any three sizes whose
 * product covers the grid; surplus workgroups return at once.
 */
export function printKernel(kernel: Kernel): { readonly text: string; readonly entry: string } {
  if (kernel.kind !== 'simt')
    throw new InfcError('INFC4020', `kernel '${kernel.name}' is of kind simd: WGSL runs simt kernels only`);
  const reps = representations(kernel);
  const p = new KernelPrinter(kernel, language(reps));
  const entry = p.identifier(kernel.name);
  const body = p.body();
  const declarations: string[] = [];
  kernel.buffers.forEach((b, i) => {
    const r = reps.get(b.name);
    if (!r) return;
    const access = b.access === 'read' ? 'read' : 'read_write';
    const element = r.atomic ? `atomic<${r.element}>` : r.element;
    declarations.push(`@group(0) @binding(${i}) var<storage, ${access}> ${p.identifier(b.name)}: array<${element}>;`);
  });
  if (kernel.scalars.length > 0) {
    const fields = kernel.scalars.map((s) => `  ${p.identifier(s)}: i32,\n`).join('');
    declarations.push(
      `struct Scalars {\n${fields}}\n@group(0) @binding(${kernel.buffers.length}) var<uniform> scalars: Scalars;`,
    );
  }
  for (const b of kernel.shared) {
    const r = reps.get(b.name);
    if (!r) continue;
    const elements = evaluate(b.elements, {});
    const length = r.form === 'vec4' ? elements / 4 : elements;
    declarations.push(
      `var<workgroup> ${p.identifier(b.name)}: array<${r.atomic ? `atomic<${r.element}>` : r.element}, ${length}>;`,
    );
  }
  const prelude: string[] = kernel.scalars.map((s) => `  let ${p.identifier(s)} = scalars.${p.identifier(s)};`);
  if (kernel.lanes > 1) prelude.push('  let lane = i32(local);');
  const [gx, gy, gz] = kernel.grid;
  const isFolded = kernel.grid.some((g) => upperBound(g) > MAX_GROUPS);
  if (isFolded) {
    const one = gy === 1 && gz === 1;
    prelude.push('  let linear = i32(group.x + groups.x * (group.y + groups.y * group.z));');
    prelude.push(`  if (linear >= ${one ? p.dim(gx) : `${p.dim(gx)} * ${p.dim(gy)} * ${p.dim(gz)}`}) { return; }`);
    prelude.push(one ? '  let groupX = linear;' : `  let groupX = linear % ${p.dim(gx)};`);
    if (!one)
      prelude.push(
        `  let groupY = linear / ${p.dim(gx)} % ${p.dim(gy)};`,
        `  let groupZ = linear / (${p.dim(gx)} * ${p.dim(gy)});`,
      );
  } else {
    for (const [axis, g] of [['X', gx] as const, ['Y', gy] as const, ['Z', gz] as const])
      if (!isStatic(g) || g > 1) prelude.push(`  let group${axis} = i32(group.${axis.toLowerCase()});`);
  }
  const hasSubgroups = p.needed.delete('subgroups');
  const builtins = [
    '@builtin(workgroup_id) group: vec3<u32>',
    ...(kernel.lanes > 1 ? ['@builtin(local_invocation_index) local: u32'] : []),
    ...(isFolded ? ['@builtin(num_workgroups) groups: vec3<u32>'] : []),
  ];
  const text =
    `${headerComment(kernel)}${hasSubgroups ? 'enable subgroups;\n' : ''}\n${declarations.join('\n')}\n\n` +
    `${libraryText({ ...library, ...int64 }, p.needed)}@compute @workgroup_size(${kernel.lanes})\n` +
    `fn ${entry}(${builtins.join(', ')}) {\n${[...prelude, ...body].join('\n')}\n}\n`;
  return { text, entry };
}

/** One .wgsl file per kernel. */
export function printWgsl(kernels: readonly Kernel[], target: Target): readonly KernelFile[] {
  return kernels.map((k) => {
    if (k.lanes > target.maxLanes)
      throw new InfcError('INFC4022', `kernel '${k.name}' has ${k.lanes} lanes; the target allows ${target.maxLanes}`);
    const { text, entry } = printKernel(k);
    return { file: `${entry}.wgsl`, content: text, entries: new Map([[k.name, entry]]) };
  });
}
