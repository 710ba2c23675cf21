import type { Backend, Target } from '../backends/backend.ts';
import { decomposeNode } from '../passes/fuse/decompose.ts';
import { formRegions } from '../passes/fuse/regions.ts';
import { InfcError } from '../runtime/errors.ts';
import { collectSyms, type Dim, formatDim, sym } from './ir/dim.ts';
import { isInteger } from './ir/dtype.ts';
import { type Attribute, asReal, Graph, type Node, type Program, type State, type Value } from './ir/graph.ts';
import { GraphBuilder } from './ir/graph-builder.ts';
import { computesIn } from './ir/kernel-types.ts';
import { lowerAnchor } from './lower/anchor.ts';
import { lowerConcat } from './lower/concat.ts';
import { hostKernels, runsInWasm } from './lower/host-kernel.ts';
import { lowerRegion } from './lower/loops.ts';
import { type LowerContext, legalTemplates, type Region } from './lower/region.ts';
import { RegionCache } from './lower/region-cache.ts';
import { isSubByte, lowerSubByte } from './lower/sub-byte.ts';
import type { LoweredKernel } from './lower/template.ts';
import { toDimCode } from './plan/codes.ts';
import type { EntrySchedule, Schedule, ScheduledItem } from './plan/schedule.ts';
import type { Registry } from './plugin.ts';
import { type ShapeNeed, shapeGuards, shapeNeeds } from './shape-guards.ts';

/** Why the target cannot run a node as a kernel, or undefined when it can. */
export function kernelObstacle(node: Node, registry: Registry, backend: Backend): string | undefined {
  const op = registry.op(node.op);
  if (!op) return `op '${node.op}' is unknown`;
  if (!op.scalar && !op.element && !op.view) return 'it is not a tensor expression';
  for (const v of [...node.inputs, ...node.outputs]) {
    if (!v) continue;
    if (v.type.container) return `'${v.name}' is a ${v.type.container}`;
    if (!backend.supports(asReal(v.type).dtype)) return `${backend.name} has no kernels for ${v.type.dtype}`;
  }
  if (!backend.supports('f64') && !op.view && needsDouble(node, registry, backend))
    return `${backend.name} has no kernels for f64, in which it computes`;
  return undefined;
}

/** Ops of integers may pass through doubles (a power of an i64): whether this one does shows in its kernel. */
function needsDouble(node: Node, registry: Registry, backend: Backend): boolean {
  const [output] = node.outputs;
  const whole = [...node.inputs, ...node.outputs].some((v) => v && isInteger(v.type.dtype));
  if (!output || !whole || node.inputs.some((v) => v && v.type.format !== 'dense')) return false;
  const context = { ops: registry, target: backend.target(), templates: [], name: () => 'probe' };
  return computesIn(lowerRegion({ nodes: [node], output }, context).kernel, 'f64');
}

/** Puts a program in execution order for one target: regions as kernels, views as aliases, the rest as host steps and control flow. */
export class Scheduler {
  readonly kernels: LoweredKernel[] = [];
  readonly regions: Region[] = [];
  private readonly names = new Map<string, number>();
  private readonly states = new Map<string, State>();
  private readonly context: LowerContext;
  private readonly cache = new RegionCache((region) => this.kernelName(region));
  /** Operands that the graph being scheduled has prepared already. */
  private prepared = new Set<string>();

  constructor(
    private readonly registry: Registry,
    private readonly backend: Backend,
    private readonly target: Target,
    private readonly onRegion: () => void = () => {},
  ) {
    this.context = {
      ops: registry,
      target,
      templates: registry.templates(backend.name),
      formats: registry,
      name: (region) => this.kernelName(region),
    };
  }

  schedule(program: Program): Schedule {
    for (const s of program.states) this.states.set(s.name, s);
    const entries = [...program.entries].map(([name, graph]): EntrySchedule => {
      // First: scheduling may replace nodes, graph outputs among them.
      const items = this.graph(graph, false);
      return {
        name,
        inputs: graph.inputs,
        given: graph.given,
        outputs: graph.outputs.map((value) => ({ name: value.name, value })),
        items,
        guards: shapeGuards(graph, this.registry),
      };
    });
    const { name, states, symbols, generation } = program;
    return { name, entries, states, symbols, ...(generation ? { generation } : {}) };
  }

  private kernelName(region: Region): string {
    const op = (region.anchor ?? region.output.producer)?.op ?? 'copy';
    const base = op.replace(/[^A-Za-z0-9_]/g, '_');
    const n = this.names.get(base) ?? 0;
    this.names.set(base, n + 1);
    return `${base}_${n}`;
  }

  private graph(graph: Graph, isBody = true): ScheduledItem[] {
    const isAnchor = (node: Node): boolean => legalTemplates(node, this.target, this.context.templates).length > 0;
    for (const node of [...graph.nodes])
      if (this.registry.op(node.op)?.lateDecompose && !isAnchor(node)) decomposeNode(graph, node, this.registry);
    const prepared = prepareControl(graph, this.registry);
    if (this.target.kernels === 'simd') widenOperands(prepared, this.registry, isAnchor);
    const regions = formRegions(prepared, {
      ops: this.registry,
      isAnchor,
      isKernel: (node) =>
        node.op === 'state_write' || kernelObstacle(node, this.registry, this.backend) === undefined || isAnchor(node),
      ...(this.target.maxBuffers === undefined ? {} : { maxBuffers: this.target.maxBuffers }),
    });
    const items: ScheduledItem[] = [];
    // Every kernel clamps indices, so that looking at them can wait. In the host's own memory it is free; a GPU is asked when all its work
    // is queued, so that none of it waits for the answer.
    const last: ScheduledItem[] = [];
    const checked = new Set<string>();
    // What a body prepares is not there for the nodes after it, nor sure to be there from one iteration to the next.
    const outer = this.prepared;
    this.prepared = new Set();
    for (const region of regions) {
      for (const need of region.nodes.flatMap((n) => shapeNeeds(n, this.registry))) {
        const text = need.dims.map(formatDim).join(' = ');
        if ((!need.late && !isBody) || checked.has(text)) continue;
        checked.add(text);
        items.push(checkItem(need));
      }
      const late = this.target.kernels !== 'simd' && region.output.producer?.op === 'check_index';
      (late ? last : items).push(...this.region(region, prepared));
      this.onRegion();
    }
    this.prepared = outer;
    return [...items, ...last];
  }

  private region(region: Region, graph: Graph): ScheduledItem[] {
    const node = region.output.producer;
    if (!node) throw new InfcError('INFC3010', `region without producer for '${region.output.name}'`);
    const op = this.registry.op(node.op);
    if (op?.control) return this.state(region, node) ?? [this.control(node)];
    const [from] = node.inputs;
    if (op?.view && from) return [{ kind: 'alias', from, to: region.output }];
    const { anchor } = region;
    if (anchor) {
      const [template] = legalTemplates(anchor, this.target, this.context.templates);
      if (template) return this.lowered(region, () => lowerAnchor(region, anchor, template, this.context));
    }
    const obstacle = kernelObstacle(node, this.registry, this.backend);
    if (obstacle === undefined) {
      if (isSubByte(region.output.type.dtype)) return this.lowered(region, () => [lowerSubByte(region, this.context)]);
      const parts = lowerConcat(region, this.context);
      if (parts) return this.lowered(region, () => parts);
      if (node.outputs.length === 1) return this.lowered(region, () => [lowerRegion(region, this.context)]);
      const used = node.outputs.filter((o) => o.uses.length > 0 || graph.outputs.includes(o));
      return used.flatMap((output) =>
        this.lowered({ ...region, output }, () => [lowerRegion({ ...region, output }, this.context)]),
      );
    }
    const host = op?.host ?? (op?.reference ? node.op : undefined);
    const wasm = this.registry.backend('wasm');
    if (host === undefined && wasm && runsInWasm(node, this.registry)) {
      const used = node.outputs.filter((o) => o.uses.length > 0 || graph.outputs.includes(o));
      return hostKernels(node, used, this.registry, wasm);
    }
    if (host === undefined)
      throw new InfcError('INFC3011', `target '${this.backend.name}' cannot run op '${node.op}': ${obstacle}`, {
        node: node.source.name,
        fix: `${this.target.kernels === 'simd' ? 'Add' : 'Compile for wasm, or add'} a plugin with a kernel or host function for it`,
      });
    return [
      {
        kind: 'host',
        op: host,
        inputs: node.inputs,
        outputs: node.outputs,
        attrs: plainAttributes(node),
        source: node.source.name,
      },
    ];
  }

  /** Contents of a state are its bytes under a value's name; a write is a kernel that stores there. */
  private state(region: Region, node: Node): ScheduledItem[] | undefined {
    if (node.op !== 'state_read' && node.op !== 'state_write') return undefined;
    let from = node;
    while (from.op === 'state_write' && from.inputs[0]?.producer) from = from.inputs[0].producer;
    const state = this.states.get(String(from.attrs.state));
    if (!state) throw new InfcError('INFC3017', `'${node.source.name}' acts on no state`, { node: node.source.name });
    const view: ScheduledItem = { kind: 'state_read', state, to: region.output };
    return node.op === 'state_read'
      ? [view]
      : [view, ...this.lowered(region, () => lowerConcat(region, this.context) ?? [])];
  }

  private lowered(region: Region, lower: () => readonly LoweredKernel[]): ScheduledItem[] {
    this.regions.push(region);
    const keyOf = ({ once }: LoweredKernel): string => (once ? `${once.of.id} ${once.key}` : '');
    const needed = this.cache.of(region, lower).filter((l) => !l.once || !this.prepared.has(keyOf(l)));
    for (const l of needed) if (l.once) this.prepared.add(keyOf(l));
    this.kernels.push(...needed);
    return needed.map((lowered) => ({ kind: 'kernel', lowered }));
  }

  private control(node: Node): ScheduledItem {
    const body = (name: string): Graph => {
      const g = node.attrs[name];
      if (g instanceof Graph) return g;
      throw new InfcError('INFC2009', `'${node.op}' lacks its body '${name}'`, { node: node.source.name });
    };
    const at = <T>(list: readonly T[], i: number): T => {
      const x = list[i];
      if (x === undefined)
        throw new InfcError('INFC2012', `'${node.op}' and its body disagree in number ${i}`, {
          node: node.source.name,
        });
      return x;
    };
    const input = (i: number): Value => {
      const v = node.inputs[i];
      if (!v) throw new InfcError('INFC2012', `'${node.op}' lacks input ${i}`, { node: node.source.name });
      return v;
    };
    const numbers = (name: string): number[] => {
      const a = node.attrs[name];
      return Array.isArray(a) ? a.map(Number) : [];
    };
    if (node.op === 'check_index')
      return {
        kind: 'host',
        op: 'check_index',
        inputs: node.inputs,
        outputs: [],
        attrs: plainAttributes(node),
        source: node.source.name,
      };
    if (node.op === 'assume') {
      const [a, b] = [dimOf(node.attrs.a), dimOf(node.attrs.b)];
      return checkItem({ condition: { kind: 'eq', a, b }, why: String(node.attrs.why), dims: [a, b] });
    }
    if (node.op === 'if') {
      const yes = body('body');
      const no = body('otherwise');
      return {
        kind: 'if',
        condition: input(0),
        body: this.graph(yes),
        otherwise: this.graph(no),
        outputs: node.outputs.map((to, i) => ({ body: at(yes.outputs, i), otherwise: at(no.outputs, i), to })),
      };
    }
    if (node.op === 'loop') {
      const g = body('body');
      const carried = Number(node.attrs.carried ?? 0);
      const [trip, condition] = node.inputs;
      return {
        kind: 'loop',
        ...(trip ? { trip } : {}),
        ...(condition ? { condition } : {}),
        iteration: at(g.inputs, 0),
        body: this.graph(g),
        next: at(g.outputs, 0),
        carry: Array.from({ length: carried }, (_, i) => ({
          initial: input(2 + i),
          inner: at(g.inputs, 2 + i),
          result: at(g.outputs, 1 + i),
          to: at(node.outputs, i),
        })),
        collect: node.outputs.slice(carried).map((to, i) => ({ from: at(g.outputs, 1 + carried + i), to })),
        slice: [],
      };
    }
    if (node.op === 'scan') {
      const g = body('body');
      const states = Number(node.attrs.states ?? 0);
      const inAxes = numbers('inputAxes');
      const outAxes = numbers('outputAxes');
      const inReverse = numbers('inputReverse');
      const outReverse = numbers('outputReverse');
      return {
        kind: 'loop',
        trip: input(node.inputs.length - 1),
        body: this.graph(g),
        carry: Array.from({ length: states }, (_, i) => ({
          initial: input(i),
          inner: at(g.inputs, i),
          result: at(g.outputs, i),
          to: at(node.outputs, i),
        })),
        collect: node.outputs.slice(states).map((to, i) => ({
          from: at(g.outputs, states + i),
          to,
          axis: outAxes[i] ?? 0,
          reverse: outReverse[i] === 1,
        })),
        slice: g.inputs
          .slice(states)
          .map((to, i) => ({ from: input(states + i), to, axis: inAxes[i] ?? 0, reverse: inReverse[i] === 1 })),
      };
    }
    throw new InfcError('INFC3014', `control op '${node.op}' has no schedule`, { node: node.source.name });
  }
}

function dimOf(a: Attribute): Dim {
  if (typeof a === 'number' || (typeof a === 'object' && a !== null && 'terms' in a)) return a;
  throw new InfcError('INFC2013', 'an assumption about something that is not a dimension');
}

/**
 * Gives control nodes what the plan wants explicit: a scan gets its trip count as a last input, a loop body reads `true` for the
 * condition it runs under. Done once per graph; the graph stays valid.
 */
function prepareControl(graph: Graph, registry: Registry): Graph {
  for (const node of [...graph.nodes]) {
    if (node.op === 'loop' && node.attrs.body instanceof Graph) {
      const g = node.attrs.body;
      const condition = g.inputs[1];
      if (condition && condition.uses.length > 0) {
        const b = new GraphBuilder(g, registry, node.source);
        g.replaceUses(condition, b.constant('bool', [], [1], 'true'));
      }
    }
    if (
      node.op === 'scan' &&
      node.attrs.body instanceof Graph &&
      node.inputs.length === node.attrs.body.inputs.length
    ) {
      const states = Number(node.attrs.states ?? 0);
      const axes = node.attrs.inputAxes;
      const axis = Array.isArray(axes) ? Number(axes[0] ?? 0) : 0;
      const steps: Dim = node.inputs[states]?.type.shape[axis] ?? 0;
      const b = new GraphBuilder(graph, registry, node.source, node);
      const trip =
        typeof steps === 'number'
          ? b.constant('i64', [], [steps], 'steps')
          : b.node('dims', [], { dims: [steps], scalar: true });
      node.inputs.push(trip);
      trip.uses.push(node);
    }
  }
  return graph;
}

/**
 * Kernels that read each element many times would convert 16-bit floats as often: such operands are converted once, before. Results
 * keep their dtype; the conversion joins the kernel that makes the operand where it can.
 */
function widenOperands(graph: Graph, registry: Registry, isAnchor: (node: Node) => boolean): void {
  const wide = new Map<Value, Value>();
  for (const node of [...graph.nodes]) {
    const [x] = node.inputs;
    if ((node.op !== 'conv' && node.op !== 'matmul') || !x || x.constant || !isAnchor(node)) continue;
    const [y] = node.outputs;
    if (
      (x.type.dtype !== 'f16' && x.type.dtype !== 'bf16') ||
      !y ||
      node.inputs.some((v) => v?.type.format !== 'dense')
    )
      continue;
    const b = new GraphBuilder(graph, registry, node.source, node);
    const operands = node.inputs.map((v) => {
      if (!v || v.constant || v.type.dtype !== x.type.dtype) return v;
      const made = wide.get(v) ?? b.node('cast', [v], { to: 'f32' });
      wide.set(v, made);
      return made;
    });
    const made = b.node(node.op, operands, { ...node.attrs, dtype: y.type.dtype }, y.name);
    graph.replaceUses(y, made);
    graph.remove(node);
  }
}

/** Refuses the run, with the sizes that led there, when a condition on them does not hold. */
function checkItem({ condition, why, dims }: Pick<ShapeNeed, 'condition' | 'why' | 'dims'>): ScheduledItem {
  const names = [...new Set(dims.flatMap((d) => [...collectSyms(d).keys()]))];
  const fail: ScheduledItem = {
    kind: 'host',
    op: 'fail',
    inputs: [],
    outputs: [],
    attrs: {
      reason: why,
      names,
      values: names.map((name) => ({ dim: toDimCode(sym(name)) })),
      fix: 'Use inputs of the shape the model was exported for',
    },
    source: why,
  };
  return { kind: 'choose', cases: [{ when: condition, items: [] }, { items: [fail] }] };
}

/** Attributes as plan JSON; bodies never reach a host step, bigints become numbers, symbolic dims what the run evaluates. */
function plainAttributes(node: Node): Record<string, unknown> {
  const one = (a: Attribute): unknown => {
    if (Array.isArray(a)) return a.map(one);
    if (typeof a === 'bigint') return Number(a);
    if (typeof a === 'object' && a !== null && 'terms' in a) return { dim: toDimCode(a) };
    if (typeof a === 'object' && a !== null)
      throw new InfcError('INFC3013', `op '${node.op}' has an attribute that a host step cannot have`, {
        node: node.source.name,
        fix: 'Report this: its op must be known to the plan',
      });
    return a;
  };
  return Object.fromEntries(
    Object.entries(node.attrs)
      .filter(([, v]) => v !== undefined)
      .map(([k, v]) => [k, one(v)]),
  );
}
