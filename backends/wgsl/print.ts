import { evaluate, isStatic, upperBound } from '../../compiler/ir/dim.ts';
import type { Width } from '../../compiler/ir/expr.ts';
import type { Kernel } from '../../compiler/ir/kernel.ts';
import { InfcError } from '../../runtime/errors.ts';
import type { KernelFile, Target } from '../backend.ts';
import { headerComment, KernelPrinter, type Language, libraryText, type Text } from '../c-like-printer.ts';
import { legalizeNarrow } from '../legalize.ts';
import { int64 } from './int64.ts';
import { library } from './library.ts';
import { binary, cast, constant, is64, typeName, unary } from './operators.ts';
import { reserved } from './reserved.ts';
import { printLoad, printStore, type Representation, representations } from './storage.ts';

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
    dot2: (a, b, c, p) =>
      p.componentwise([a, b, c], 'i32', ([x, y, z]) => {
        const low = (t?: Text) => `(bitcast<i32>(${t?.text ?? ''} << 16u) >> 16u)`;
        const high = (t?: Text) => `(bitcast<i32>(${t?.text ?? ''}) >> 16u)`;
        return `(${z?.text ?? ''} + ${low(x)} * ${low(y)} + ${high(x)} * ${high(y)})`;
      }),
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
export function printKernel(source: Kernel): { readonly text: string; readonly entry: string } {
  const kernel = legalizeNarrow(source);
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
    if (target.maxBuffers !== undefined && k.buffers.length > target.maxBuffers)
      throw new InfcError(
        'INFC4024',
        `kernel '${k.name}' binds ${k.buffers.length} buffers; WebGPU allows ${target.maxBuffers}`,
        { fix: 'Split the op, or compile for wasm' },
      );
    const { text, entry } = printKernel(k);
    return { file: `${entry}.wgsl`, content: text, entries: new Map([[k.name, entry]]) };
  });
}
