import { type Dim, product } from '../ir/dim.ts';
import { type Attribute, Graph, type Node, type Value } from '../ir/graph.ts';
import type { Region } from './region.ts';
import type { KernelArgument, LoweredKernel } from './template.ts';

interface Entry {
  readonly values: readonly Value[];
  readonly kernels: readonly LoweredKernel[];
}

/** What regions were lowered to, for others that differ in their values only: a language model has the same layer thirty times. */
export class RegionCache {
  private readonly known = new Map<string, Entry>();

  constructor(private readonly name: (region: Region) => string) {}

  /** The kernels of a region: those of one like it with its own values, or what `lower` makes. */
  of(region: Region, lower: () => readonly LoweredKernel[]): readonly LoweredKernel[] {
    const signature = signatureOf(region);
    if (!signature) return lower();
    const { text, values } = signature;
    const known = this.known.get(text);
    if (known) return moved(known, values, region, this.name(region));
    const kernels = lower();
    const inRegion = new Set(values);
    const fits = (v: Value | undefined): boolean => v === undefined || inRegion.has(v);
    const isMovable = (a: KernelArgument): boolean => {
      if (a.kind === 'value') return fits(a.value);
      return a.kind === 'scratch' ? fits(a.of) : fits(a.from) && a.pack !== undefined;
    };
    if (kernels.every(({ args, once }) => args.every(isMovable) && fits(once?.of)))
      this.known.set(text, { values, kernels });
    return kernels;
  }
}

function moved({ values, kernels }: Entry, to: readonly Value[], region: Region, name: string): LoweredKernel[] {
  const numbers = new Map(values.map((v, i) => [v, i]));
  const own = (v: Value): Value => {
    const value = to[numbers.get(v) ?? -1];
    if (!value) throw new RangeError(`'${v.name}' has no counterpart`);
    return value;
  };
  const argument = (a: KernelArgument): KernelArgument => {
    if (a.kind === 'value') return { kind: 'value', value: own(a.value) };
    if (a.kind === 'scratch') return a.of ? { ...a, of: own(a.of) } : a;
    const from = own(a.from);
    if (!from.constant || !a.pack) throw new TypeError('weights are not constant');
    return { ...a, from, constant: a.pack(from.constant) };
  };
  const sources = region.nodes.map((n) => n.source.name);
  return kernels.map((l, i) => ({
    ...l,
    kernel: { ...l.kernel, name: i === 0 ? name : `${name}_${i}`, note: { ...l.kernel.note, sources } },
    args: l.args.map(argument),
    ...(l.once ? { once: { ...l.once, of: own(l.once.of) } } : {}),
  }));
}

/** States are known by values; their names in attributes say nothing more. */
const isName = (node: Node, attribute: string): boolean =>
  attribute === 'state' && (node.op === 'state_read' || node.op === 'state_write');

/**
 * A text that is equal for regions which lower alike, and their values in its order. Kernels hold constants of one element in code, so these
 * are part of it. Undefined where attributes hold more than numbers and words.
 */
function signatureOf(region: Region): { readonly text: string; readonly values: readonly Value[] } | undefined {
  const numbers = new Map<Value, number>();
  const declared: string[] = [];
  const use = (v: Value | null): string => {
    if (!v) return '_';
    const known = numbers.get(v);
    if (known !== undefined) return String(known);
    numbers.set(v, numbers.size);
    declared.push(valueText(v));
    return String(numbers.size - 1);
  };
  const nodes: string[] = [];
  for (const node of region.nodes) {
    const attrs = attributesText(node);
    if (attrs === undefined) return undefined;
    nodes.push(`${node.outputs.map(use).join()}=${node.op}(${node.inputs.map(use).join()})${attrs}`);
  }
  const anchor = region.anchor ? region.nodes.indexOf(region.anchor) : -1;
  const text = [`${use(region.output)} ${anchor}`, ...nodes, ...declared].join('\n');
  return { text, values: [...numbers.keys()] };
}

const dimText = (d: Dim): string => (typeof d === 'number' ? String(d) : d.key);

function valueText({ type, constant }: Value): string {
  const shape = type.shape.map(dimText).join();
  const kind = `${type.dtype}[${shape}]${type.format} ${type.container ?? ''}${type.unranked ?? ''}`;
  if (!constant) return kind;
  const one = !constant.strings && product(type.shape) === 1 ? [...constant.read()].join('.') : '';
  return `${kind} constant ${one}`;
}

function attributesText(node: Node): string | undefined {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(node.attrs).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const text = isName(node, name) ? '' : attributeText(value);
    if (text === undefined) return undefined;
    parts.push(`${name}:${text}`);
  }
  return JSON.stringify(parts);
}

function attributeText(a: Attribute): string | undefined {
  if (typeof a === 'bigint') return `${a}n`;
  if (Object.is(a, -0)) return '-0';
  if (typeof a !== 'object') return `${typeof a} ${a}`;
  if (a instanceof Graph) return undefined;
  if ('terms' in a) return `dim ${a.key}`;
  if (!Array.isArray(a)) return undefined;
  const parts = a.map((x: Attribute) => attributeText(x));
  return parts.includes(undefined) ? undefined : `[${parts.join()}]`;
}
