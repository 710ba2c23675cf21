import { derivedConstant } from '../../compiler/derived-constant.ts';
import { byteLength, viewOf } from '../../compiler/ir/dtype.ts';
import type { Constant, Program } from '../../compiler/ir/graph.ts';
import { constantNumbers, storeNumber } from '../../compiler/tensor-values.ts';

/**
 * The constant whose values are `change` of those of `from`, of the same type; computed whenever it is read, so that weights stream. `key`
 * says what the change is: the same key on the same constant of a program gives the same object.
 */
export const transformed = (
  program: Program,
  from: Constant,
  key: string,
  change: (values: Float64Array) => void,
): Constant =>
  derivedConstant(
    from,
    key,
    () => ({
      name: from.name,
      type: from.type,
      bytes: from.bytes,
      read: () => {
        const { dtype } = from.type;
        const before = constantNumbers(from);
        const values = new Float64Array(before);
        change(values);
        // A copy, which is aligned.
        const bytes = from.read().slice(0, byteLength(dtype, values.length));
        const data = viewOf(dtype, bytes.buffer, 0, values.length);
        if (data instanceof Float32Array) data.set(values);
        // To encode 16 bits takes longer than all else: numbers that stay keep theirs.
        else
          for (let i = 0; i < values.length; i++)
            if (values[i] !== before[i]) storeNumber(data, dtype, i, values[i] ?? 0);
        return bytes;
      },
    }),
    program,
  );
