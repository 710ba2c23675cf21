import { isStatic } from '../../compiler/ir/dim.ts';
import { byteLength, viewOf } from '../../compiler/ir/dtype.ts';
import type { Value } from '../../compiler/ir/graph.ts';
import { builderAt, definePass } from '../pass.ts';

/**
 * x[a:b, c:d] = y, as exporters write it: scatter_nd whose constant indices name a box of consecutive positions. It becomes
 * insert_slice, which is a kernel; scatter_nd itself runs on the host.
 */
export const recognizeSliceAssignment = definePass({
  name: 'recognize-slice-assignment',
  phase: 'recognize',
  does: 'turns scatters over a box of constant positions into slice assignments',
  run(graph, context) {
    for (const node of [...graph.nodes]) {
      const [data, indices, updates] = node.inputs;
      const y = node.outputs[0];
      if (node.op !== 'scatter_nd' || !data || !indices || !updates || !y) continue;
      if (node.attrs.reduction !== undefined && node.attrs.reduction !== 'none') continue;
      const box = boxOf(indices, data);
      if (!box) continue;
      const b = builderAt(graph, node, context);
      const rest = data.type.shape.slice(box.starts.length);
      const block = b.node('reshape', [updates], { shape: [...box.lengths, ...rest] });
      const starts = [...box.starts, ...rest.map(() => 0)];
      graph.replaceUses(y, b.node('insert_slice', [data, block], { starts }, y.name));
      graph.remove(node);
      context.changed(node, `assigns a slice from [${starts.join(', ')}]`);
    }
  },
});

/** First position and lengths of the box that the index tuples enumerate in row-major order. */
function boxOf(indices: Value, data: Value): { starts: number[]; lengths: number[] } | undefined {
  const shape = indices.type.shape.filter(isStatic);
  if (!indices.constant || shape.length !== indices.type.shape.length || indices.type.dtype !== 'i64') return undefined;
  const depth = shape.at(-1) ?? 0;
  const count = shape.slice(0, -1).reduce((n, d) => n * d, 1);
  if (depth === 0 || count === 0) return undefined;
  const bytes = indices.constant.read().slice(0, byteLength('i64', count * depth));
  const raw = viewOf('i64', bytes.buffer, 0, count * depth);
  const at = (i: number, d: number): number => {
    const v = Number(raw[i * depth + d] ?? 0);
    const extent = data.type.shape[d];
    return v < 0 && typeof extent === 'number' ? v + extent : v;
  };
  const axes = [...Array(depth).keys()];
  const starts = axes.map((d) => at(0, d));
  const lengths = axes.map((d) => at(count - 1, d) - (starts[d] ?? 0) + 1);
  if (starts.some((s) => s < 0) || lengths.some((n) => n < 1) || lengths.reduce((n, d) => n * d, 1) !== count)
    return undefined;
  for (let i = 0; i < count; i++) {
    let rest = i;
    for (let d = depth - 1; d >= 0; d--) {
      const n = lengths[d] ?? 1;
      if (at(i, d) !== (starts[d] ?? 0) + (rest % n)) return undefined;
      rest = Math.floor(rest / n);
    }
  }
  return { starts, lengths };
}
