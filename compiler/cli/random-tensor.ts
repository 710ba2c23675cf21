import { byteLength, isFloat, isInteger, viewOf } from '../ir/dtype.ts';
import type { HostTensor } from '../ir/op.ts';
import { randomSource } from '../random.ts';
import { storeNumber } from '../tensor-values.ts';
import type { ConcretePort } from './inputs.ts';

export interface Fill {
  readonly seed?: number;
  readonly constant?: number;
  /** Range of the values: floats in [low, high), integers from low to high. Default [-1, 1) for floats, 0 to 1 for integers. */
  readonly low?: number;
  readonly high?: number;
}

/**
 * A reproducible tensor for a port. Integers default to 0 and 1, the only ids, lengths and mask values that every model accepts.
 * The port's name takes part in the seed, so two inputs of one shape differ.
 */
export function randomTensor(port: ConcretePort, fill: Fill): HostTensor {
  const elements = port.shape.reduce((n, d) => n * d, 1);
  if (port.dtype === 'string')
    return { dtype: 'string', shape: port.shape, data: Array.from({ length: elements }, (_, i) => `s${i % 7}`) };
  let seed = fill.seed ?? 1;
  for (const c of port.name) seed = (Math.imul(seed, 31) + (c.codePointAt(0) ?? 0)) >>> 0;
  const next = randomSource(seed);
  const whole = isInteger(port.dtype) || port.dtype === 'bool';
  const low = fill.low ?? (isFloat(port.dtype) ? -1 : 0);
  const high = fill.high ?? 1;
  const data = viewOf(port.dtype, new ArrayBuffer(byteLength(port.dtype, elements)), 0, elements);
  for (let i = 0; i < data.length; i++) {
    const x = fill.constant ?? (whole ? low + Math.floor(next() * (high - low + 1)) : low + next() * (high - low));
    storeNumber(data, port.dtype, i, x);
  }
  return { dtype: port.dtype, shape: port.shape, data };
}
