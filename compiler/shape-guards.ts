import { add, collectSyms, type Dim, equals, formatDim, lessThan, mul, range, sub } from './ir/dim.ts';
import type { Graph, Node } from './ir/graph.ts';
import type { OpTable } from './ir/graph-builder.ts';
import { reductionLoops } from './ops/reduce.ts';
import { dimAttr, formatShape } from './ops/shapes.ts';
import type { EntrySchedule } from './plan/schedule.ts';

type Guard = EntrySchedule['guards'][number];

/** Something that the shapes around a node rest on and that holds for some sizes only: `[n] + [2]` was typed as `[2]`. */
export interface ShapeNeed extends Guard {
  /** The dims it is about. */
  readonly dims: readonly Dim[];
  /** Whether only the run fixes one of them. */
  readonly late: boolean;
}

/** Symbols that only the run decides carry the name of the node that makes them. */
const isLate = (d: Dim): boolean => [...collectSyms(d).keys()].some((name) => name.includes('@'));

/** What a node needs of the sizes of its operands, as far as it is not certain. */
export function shapeNeeds(node: Node, ops: OpTable): ShapeNeed[] {
  const out = node.outputs[0]?.type.shape;
  if (!out || node.outputs[0]?.type.container) return [];
  const found: ShapeNeed[] = [];
  const shapes = node.inputs.flatMap((v) => (v && !v.type.container ? [v.type.shape] : []));
  const about = [...shapes, ...(node.op === 'expand' ? [out] : [])].map(formatShape).join(' and ');
  /** `a` equals `b`, or is 1 where it may be repeated. */
  const need = (a: Dim | undefined, b: Dim | undefined, repeats = false): void => {
    // Dims that never agree were typed as if they did: such a graph works for no size, and every run says so.
    if (a === undefined || b === undefined || a === b || equals(a, b) === true) return;
    const text = `${formatDim(a)} = ${formatDim(b)}${repeats ? ` or ${formatDim(a)} = 1` : ''}`;
    found.push({
      condition: repeats ? { kind: 'eq', a: mul(sub(b, a), sub(a, 1)), b: 0 } : { kind: 'eq', a, b },
      why: `'${node.source.name}' (${node.op}) of ${about} needs ${text}`,
      dims: [a, b],
      late: isLate(a) || isLate(b),
    });
  };
  /** Every dim of `shape` equals the one it lines up with, or is 1. */
  const broadcasts = (shape: readonly Dim[], to: readonly Dim[], repeats: boolean): void =>
    shape.forEach((d, i) => {
      if (d !== 1) need(d, to[to.length - shape.length + i], repeats);
    });
  if (ops.op(node.op)?.scalar || node.op === 'expand') for (const s of shapes) broadcasts(s, out, true);
  else if (node.op === 'arg_max' || node.op === 'arg_min') {
    for (const d of reductionLoops(shapes[0] ?? [], node.attrs).extents)
      if (range(d).min < 1)
        found.push({
          condition: { kind: 'lt', a: 0, b: d },
          why: `'${node.source.name}' (${node.op}) of ${about} needs something to choose from`,
          dims: [d],
          late: isLate(d),
        });
  } else if (node.op === 'matmul' || node.op === 'matmul_integer') {
    const [a = [], b = []] = shapes;
    need(a.at(node.attrs.transposeA ? -2 : -1), b.at(node.attrs.transposeB ? -1 : -2));
    broadcasts(a.slice(0, -2), out.slice(0, -2), false);
    broadcasts(b.slice(0, -2), out.slice(0, -2), false);
  } else if (node.op === 'state_write' && !node.inputs[2]) {
    const axis = Number(node.attrs.axis ?? 0);
    const rows = shapes[1]?.[axis] ?? 1;
    const ring = Number(node.attrs.ring ?? 0);
    const end = ring > 0 ? rows : add(dimAttr(node.attrs, 'at', 0), rows);
    const room = ring > 0 ? ring : dimAttr(node.attrs, 'room', out[axis] ?? 1);
    if (lessThan(room, end) !== false)
      found.push({
        condition: { kind: 'le', a: end, b: room },
        why: `the state holds ${formatDim(room)} rows along its axis ${axis}`,
        dims: [end, room],
        late: false,
      });
  } else if (node.op === 'concat') {
    for (const s of shapes)
      s.forEach((d, axis) => {
        if (axis !== node.attrs.axis) need(d, out[axis]);
      });
  }
  return found;
}

/**
 * What an entry needs of the sizes of its inputs. The runtime checks it when a run's inputs are bound, so that a run for which it does not
 * hold is refused instead of computed wrongly. What only the run can tell, and what bodies need, is checked where it matters instead.
 */
export function shapeGuards(graph: Graph, ops: OpTable): Guard[] {
  const guards = new Map<string, Guard>();
  for (const node of graph.nodes)
    for (const { condition, why, dims, late } of shapeNeeds(node, ops)) {
      const text = dims.map(formatDim).join(' = ');
      if (!late && !guards.has(text)) guards.set(text, { condition, why });
    }
  return [...guards.values()];
}
