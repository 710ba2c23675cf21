import { derivedConstant } from '../../compiler/derived-constant.ts';
import { denseRows } from '../../compiler/formats/rows.ts';
import { type Constant, type Graph, type Node, tensor } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { constantNumbers } from '../../compiler/tensor-values.ts';
import { decodeFloat, encodeFloat } from '../../runtime/minifloat.ts';
import type { PassContext, WeightStorage } from '../pass.ts';
import { type LowRank, lowRank } from '../precision/low-rank.ts';
import type { Weight } from './weights.ts';

/**
 * Low-rank error correction beside a format (LREC; LQER, Zhang et al. 2024): what rounding took from the weights, W - Q, is approximated by
 * A B of a small rank, and x Q^T becomes x Q^T + (x B^T) A^T. With calibration, columns count by the root mean square of their inputs.
 * A and B are kept as f16: 16 rank (n + k) bits more. Gives Q + A B, what the product then stands for.
 */
export function correctErrors(
  graph: Graph,
  node: Node,
  original: Weight,
  rounded: Constant,
  rank: number,
  context: PassContext,
  storage: WeightStorage,
): Constant {
  const [y] = node.outputs;
  const [x] = node.inputs;
  const { size, transposed, constant } = original;
  const [n, k, r] = [size.rows, size.length, Math.min(rank, size.rows, size.length)];
  if (!x || !y || node.attrs.transposeA === true) return rounded;
  const seen = storage.calibration?.get(constant.name)?.meanSquare;
  let found: LowRank | undefined;
  const approximate = (): LowRank => {
    if (found) return found;
    const error = denseRows(constant, size, transposed).slice();
    const kept = constantNumbers(rounded);
    // A column without input would count for nothing and divide by zero below.
    const largest = seen?.reduce((m, v) => Math.max(m, v), 0) ?? 0;
    const weigh = (j: number): number => (seen && largest > 0 ? Math.sqrt(Math.max(seen[j] ?? 0, 1e-6 * largest)) : 1);
    for (let i = 0; i < error.length; i++) error[i] = ((error[i] ?? 0) - (kept[i] ?? 0)) * weigh(i % k);
    const { left, right } = lowRank(error, n, k, r);
    for (let i = 0; i < right.length; i++) right[i] = (right[i] ?? 0) / weigh(i % k);
    found = { left, right };
    return found;
  };
  const factor = (name: 'left' | 'right', shape: readonly number[]): Constant =>
    derivedConstant(
      rounded,
      `lrec${r} ${name}`,
      () => ({
        name: `${constant.name}.${name}`,
        type: tensor('f32', shape),
        bytes: 4 * (shape[0] ?? 1) * (shape[1] ?? 1),
        rounded: { float: 'f16' },
        read: () =>
          new Uint8Array(
            approximate()[name].map((v) => decodeFloat('f16', encodeFloat('f16', v))).buffer as ArrayBuffer,
          ),
      }),
      storage.calibration,
    );
  const [right, left] = [factor('right', [r, k]), factor('left', [n, r])];
  storage.later.push({ name: `${constant.name} (correction)`, run: () => void approximate() });
  const b = new GraphBuilder(graph, context.ops, node.source, graph.nodes[graph.nodes.indexOf(node) + 1]);
  const uses = [...y.uses];
  const isOutput = graph.outputs.includes(y);
  const inner = b.node('matmul', [x, graph.constant(right)], { transposeB: true, dtype: 'f32' });
  const outer = b.node('matmul', [inner, graph.constant(left)], { transposeB: true, dtype: y.type.dtype });
  const sum = b.node('add', [y, outer]);
  for (const user of new Set(uses)) user.inputs.forEach((v, i) => void (v === y && graph.setInput(user, i, sum)));
  if (isOutput) {
    sum.name = y.name;
    y.name = `${y.name}.rounded`;
    graph.outputs = graph.outputs.map((o) => (o === y ? sum : o));
  }
  context.changed(node, `rounding corrected by a product of rank ${r}`);
  const corrected = (): Uint8Array => {
    const [values, a, c] = [constantNumbers(rounded).slice(), factor('left', [n, r]), factor('right', [r, k])];
    const [of, by] = [constantNumbers(a), constantNumbers(c)];
    for (let i = 0; i < n; i++)
      for (let q = 0; q < r; q++)
        for (let j = 0; j < k; j++)
          values[i * k + j] = (values[i * k + j] ?? 0) + (of[i * r + q] ?? 0) * (by[q * k + j] ?? 0);
    return new Uint8Array(values.buffer);
  };
  const { name, type, bytes } = rounded;
  return { name, type, bytes, read: corrected };
}
