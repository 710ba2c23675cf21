import { bitsOf } from '../../compiler/ir/dtype.ts';
import type { Graph, Node, Value } from '../../compiler/ir/graph.ts';
import type { OpTable } from '../../compiler/ir/graph-builder.ts';
import { numberAttr } from '../../compiler/ops/shapes.ts';

/** An axis of a constant operand that counts a group's channels. */
export interface ChannelAxis {
  readonly node: Node;
  readonly input: number;
  readonly axis: number;
}

/**
 * Channels that live and die together: what writes them, what reads them, and what scales or filters each on its way. Removing channel j
 * from all of it leaves a smaller model of the same shape (the dependency graph of Fang et al. 2023, "DepGraph", for one axis).
 */
export interface ChannelGroup {
  /** Channels. */
  readonly size: number;
  /** Values that have the channels, and on which axis. */
  readonly values: ReadonlyMap<Value, number>;
  /** Weights whose outputs the channels are. */
  readonly writers: readonly ChannelAxis[];
  /** Weights whose inputs the channels are. */
  readonly readers: readonly ChannelAxis[];
  /** Constants with an element a channel, such as biases. */
  readonly others: readonly ChannelAxis[];
  /** Convolutions of each channel with a filter of its own. */
  readonly depthwise: readonly Node[];
}

/** Ops that treat every channel (axis 1) alike and alone. */
const PER_CHANNEL: ReadonlySet<string> = new Set(['max_pool', 'average_pool', 'lp_pool']);

/** The groups of a graph whose channels can be removed: those that no op mixes, reorders or hands to the caller. */
export function channelGroups(graph: Graph, ops: OpTable): ChannelGroup[] {
  const inside = new Set(graph.nodes);
  const seen = new Set<Value>();
  const groups: ChannelGroup[] = [];
  for (const node of graph.nodes) {
    const [y] = node.outputs;
    if (!y || seen.has(y) || (node.op !== 'matmul' && node.op !== 'conv')) continue;
    const axis = node.op === 'conv' ? 1 : y.type.shape.length - 1;
    const size = y.type.shape[axis];
    if (typeof size !== 'number') continue;
    const walk = new Walk(graph, inside, ops, size);
    const closed = walk.visit(y, axis);
    for (const v of walk.values.keys()) seen.add(v);
    if (closed && walk.writers.length > 0 && walk.readers.length > 0) groups.push(walk);
  }
  return groups;
}

/** Whole bytes an element, so that channels can be taken out. */
const isWeight = (w: Value): boolean =>
  w.constant !== undefined && w.type.format === 'dense' && bitsOf[w.type.dtype] >= 8;

class Walk implements ChannelGroup {
  readonly values = new Map<Value, number>();
  readonly writers: ChannelAxis[] = [];
  readonly readers: ChannelAxis[] = [];
  readonly others: ChannelAxis[] = [];
  readonly depthwise: Node[] = [];
  private readonly passed = new Set<Node>();

  constructor(
    private readonly graph: Graph,
    private readonly inside: ReadonlySet<Node>,
    private readonly ops: OpTable,
    readonly size: number,
  ) {}

  /** Follows the channels of a value both ways; false when something needs all of them in their places. */
  visit(value: Value, axis: number): boolean {
    const known = this.values.get(value);
    if (known !== undefined) return known === axis;
    this.values.set(value, axis);
    const { producer } = value;
    if (!producer || value.type.shape[axis] !== this.size || this.graph.outputs.includes(value)) return false;
    return [producer, ...new Set(value.uses)].every((n) => this.inside.has(n) && this.through(n, value, axis));
  }

  private through(node: Node, value: Value, axis: number): boolean {
    const isOutput = node.outputs.includes(value);
    if (node.op === 'matmul') return this.product(node, value, axis, isOutput);
    if (node.op === 'conv') return axis === 1 && this.convolution(node, value, isOutput);
    if (this.passed.has(node)) return true;
    this.passed.add(node);
    const [x] = node.inputs;
    const [y] = node.outputs;
    if (!x || !y || node.outputs.length !== 1) return false;
    if (PER_CHANNEL.has(node.op)) return axis === 1 && this.visit(x, 1) && this.visit(y, 1);
    return this.ops.op(node.op)?.scalar !== undefined && this.elementwise(node, y, value.type.shape.length - axis);
  }

  private product(node: Node, value: Value, axis: number, isOutput: boolean): boolean {
    const [x, w] = node.inputs;
    if (!w || !isWeight(w) || w.type.shape.length !== 2 || node.attrs.transposeA === true) return false;
    if (axis !== value.type.shape.length - 1 || !(isOutput || x === value)) return false;
    const rows = node.attrs.transposeB === true ? 0 : 1;
    if (isOutput) this.writers.push({ node, input: 1, axis: rows });
    else this.readers.push({ node, input: 1, axis: 1 - rows });
    return true;
  }

  private convolution(node: Node, value: Value, isOutput: boolean): boolean {
    const [x, w] = node.inputs;
    const [y] = node.outputs;
    if (!x || !y || !w || !isWeight(w) || node.inputs.length !== 2) return false;
    const groups = numberAttr(node.attrs, 'group', 1);
    if (groups === 1) {
      if (isOutput) this.writers.push({ node, input: 1, axis: 0 });
      else this.readers.push({ node, input: 1, axis: 1 });
      return isOutput || x === value;
    }
    if (groups !== this.size || w.type.shape[0] !== groups) return false;
    if (this.passed.has(node)) return true;
    this.passed.add(node);
    this.depthwise.push(node);
    this.others.push({ node, input: 1, axis: 0 });
    return this.visit(x, 1) && this.visit(y, 1);
  }

  private elementwise(node: Node, y: Value, fromEnd: number): boolean {
    return (
      this.visit(y, y.type.shape.length - fromEnd) &&
      node.inputs.every((v, input) => {
        const axis = (v?.type.shape.length ?? 0) - fromEnd;
        const dim = axis < 0 ? 1 : v?.type.shape[axis];
        if (!v || dim === 1) return true;
        if (!v.constant) return this.visit(v, axis);
        this.others.push({ node, input, axis });
        return dim === this.size;
      })
    );
  }
}
