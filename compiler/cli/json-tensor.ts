import { InfcError } from '../../runtime/errors.ts';
import { byteLength, entriesOf, isComplex, viewOf } from '../ir/dtype.ts';
import type { HostTensor } from '../ir/op.ts';
import { storeNumber } from '../tensor-values.ts';
import type { ConcretePort } from './inputs.ts';

/**
 * A tensor written as nested JSON arrays (its shape is their nesting), or one number for a scalar or a fill of the port's shape. A complex
 * number is a pair [re, im].
 */
export function parseJsonTensor(port: ConcretePort, text: string): HostTensor {
  const bad = (reason: string): InfcError =>
    new InfcError('INFC8010', `input '${port.name}': ${reason}`, {
      fix: isComplex(port.dtype)
        ? 'Write nested arrays of pairs, for example [[1, 0], [0, -1]] for 1 and -i'
        : `Write nested arrays of ${port.dtype}, for example [[1, 2], [3, 4]]`,
    });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw bad(`not JSON: ${error instanceof Error ? error.message : ''}`);
  }
  const shape: number[] = [];
  for (let v = value; Array.isArray(v); v = v[0]) shape.push(v.length);
  const flat: unknown[] = [];
  const walk = (v: unknown, depth: number): void => {
    if (!Array.isArray(v)) {
      if (depth !== shape.length) throw bad('ragged nesting');
      flat.push(v);
      return;
    }
    if (v.length !== shape[depth]) throw bad('ragged nesting');
    for (const x of v) walk(x, depth + 1);
  };
  walk(value, 0);
  if (port.dtype === 'string') {
    if (!flat.every((x) => typeof x === 'string')) throw bad('strings expected');
    return { dtype: 'string', shape, data: flat };
  }
  const numbers = flat.map((x) => (typeof x === 'boolean' ? Number(x) : x));
  if (!numbers.every((x): x is number => typeof x === 'number')) throw bad('numbers expected');
  const [only] = numbers;
  const filled = shape.length === 0 && only !== undefined && port.shape.length > 0;
  if (isComplex(port.dtype) && !filled && shape.pop() !== 2) throw bad('pairs of numbers expected');
  const dims = filled ? port.shape : shape;
  const elements = dims.reduce((n, d) => n * d, 1);
  const data = viewOf(port.dtype, new ArrayBuffer(byteLength(port.dtype, elements)), 0, elements);
  for (let i = 0; i < data.length; i++) {
    const part = i % entriesOf(port.dtype);
    storeNumber(data, port.dtype, i, (filled ? (part === 0 ? only : 0) : numbers[i]) ?? 0);
  }
  return { dtype: port.dtype, shape: dims, data };
}
