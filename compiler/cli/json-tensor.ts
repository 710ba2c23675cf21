import { InfcError } from '../../runtime/errors.ts';
import { byteLength, viewOf } from '../ir/dtype.ts';
import type { HostTensor } from '../ir/op.ts';
import { storeNumber } from '../tensor-values.ts';
import type { ConcretePort } from './inputs.ts';

/** A tensor written as nested JSON arrays (its shape is their nesting), or one number for a scalar or a fill of the port's shape. */
export function parseJsonTensor(port: ConcretePort, text: string): HostTensor {
  const bad = (reason: string): InfcError =>
    new InfcError('INFC8010', `input '${port.name}': ${reason}`, {
      fix: `Write nested arrays of ${port.dtype}, for example [[1, 2], [3, 4]]`,
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
  const dims = filled ? port.shape : shape;
  const elements = dims.reduce((n, d) => n * d, 1);
  const data = viewOf(port.dtype, new ArrayBuffer(byteLength(port.dtype, elements)), 0, elements);
  for (let i = 0; i < elements; i++) {
    storeNumber(data, port.dtype, i, (filled ? only : numbers[i]) ?? 0);
  }
  return { dtype: port.dtype, shape: dims, data };
}
