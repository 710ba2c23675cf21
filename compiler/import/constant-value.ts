import { viewOf } from '../ir/dtype.ts';
import type { Constant, Graph, Value } from '../ir/graph.ts';

/** Integer constants up to this many elements take part in shape arithmetic. */
const MAX_KNOWN = 1024;

/** A graph value for a constant; small integer contents take part in shape arithmetic. */
export function constantValue(graph: Graph, constant: Constant): Value {
  const value = graph.constant(constant);
  const { dtype, shape } = constant.type;
  const elements = shape.reduce<number>((n, d) => n * (typeof d === 'number' ? d : 0), 1);
  if ((dtype === 'i64' || dtype === 'i32' || dtype === 'bool') && elements <= MAX_KNOWN) {
    const bytes = constant.read();
    value.known = Array.from(viewOf(dtype, bytes.buffer, bytes.byteOffset, elements), Number);
  }
  return value;
}
