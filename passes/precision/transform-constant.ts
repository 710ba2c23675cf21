import { byteLength, viewOf } from '../../compiler/ir/dtype.ts';
import type { Constant, Program } from '../../compiler/ir/graph.ts';
import { numbersOf, storeNumber } from '../../compiler/tensor-values.ts';

/** Elements of a dense constant as doubles, row-major. */
export function constantValues(constant: Constant): Float64Array {
  const { dtype, shape } = constant.type;
  const count = shape.reduce<number>((n, d) => n * Number(d), 1);
  const bytes = constant.read().slice();
  return numbersOf({ dtype, data: viewOf(dtype, bytes.buffer, 0, count) });
}

/** Constants derived from others once a program, so that entries which shared a weight share what became of it. */
const derived = new WeakMap<Program, Map<Constant, Map<string, Constant>>>();

/**
 * The constant whose values are `change` of those of `from`, of the same type; computed whenever it is read, so that weights stream. `key`
 * says what the change is: the same key on the same constant gives the same object.
 */
export function transformed(
  program: Program,
  from: Constant,
  key: string,
  change: (values: Float64Array) => void,
): Constant {
  const all = derived.get(program) ?? new Map<Constant, Map<string, Constant>>();
  derived.set(program, all);
  const mine = all.get(from) ?? new Map<string, Constant>();
  all.set(from, mine);
  const known = mine.get(key);
  if (known) return known;
  const { dtype } = from.type;
  const made: Constant = {
    name: from.name,
    type: from.type,
    bytes: from.bytes,
    read: () => {
      const values = constantValues(from);
      change(values);
      const bytes = new Uint8Array(byteLength(dtype, values.length));
      const data = viewOf(dtype, bytes.buffer, 0, values.length);
      for (let i = 0; i < values.length; i++) storeNumber(data, dtype, i, values[i] ?? 0);
      return bytes;
    },
  };
  mine.set(key, made);
  return made;
}
