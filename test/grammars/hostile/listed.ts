import { begin, type Hostile, type Json, range, schema } from './case.ts';

const point = (i: number): Json => ({ id: i, name: `n${i}`, at: [i % 7, { x: (i * 7919) % 1009 }] });
/** Schemas that list thousands of values. */
export const LISTED: readonly Hostile[] = [
  schema(
    'an enum of 5,383 texts',
    () => ({ enum: range(5383).map((i) => `value ${i * 7919}`) }),
    () => `value ${4000 * 7919}`,
  ),
  schema(
    'an enum of 5,383 numbers',
    () => ({ type: 'integer', enum: range(5383).map((i) => (i * 7919) % 100_003) }),
    () => (4000 * 7919) % 100_003,
  ),
  schema(
    'an enum of 5,383 objects',
    () => ({ enum: range(5383).map((i) => ({ id: i, name: `n${i}` })) }),
    () => ({ id: 4000, name: 'n4000' }),
  ),
  schema(
    'an enum of 5,383 arrays',
    () => ({ enum: range(5383).map((i) => [i, `n${i}`]) }),
    () => [4000, 'n4000'],
  ),
  schema(
    'an enum of 5,383 values within values',
    () => ({ enum: range(5383).map(point) }),
    () => point(4000),
  ),
  schema(
    'an enum of 5,383 values of every type',
    () => ({
      enum: range(5383).map((i) => [null, true, i, `n${i}`, [i, [i]], { [`k${i % 9}`]: i }][i % 6]),
    }),
    () => [4000, [4000]],
  ),
  schema(
    'an enum of 5,383 objects with names of their own',
    () => ({ enum: range(5383).map((i) => ({ [`k${i}`]: i, z: i })) }),
    () => ({ z: 4000, k4000: 4000 }),
  ),
  schema(
    'anything but 5,383 objects',
    () => ({ not: { enum: range(5383).map((i) => ({ id: i, name: `n${i}` })) } }),
    () => ({ id: 4000, name: 'n400' }),
    'INFC5006',
  ),
  schema(
    'what two enums of 5,383 objects have in common',
    () => ({ allOf: [0, 2000].map((from) => ({ enum: range(5383).map((i) => ({ id: i + from })) })) }),
    () => ({ id: 4000 }),
  ),
  schema(
    'an enum of 5,383 objects beside keywords',
    () => ({
      type: 'object',
      properties: { id: { type: 'integer', maximum: 100 } },
      enum: range(5383).map((i) => ({ id: i, name: `n${i}` })),
    }),
    () => ({ id: 40, name: 'n40' }),
  ),
  schema(
    'different items of an enum of 5,383 objects',
    () => ({ type: 'array', uniqueItems: true, items: { enum: range(5383).map((i) => ({ id: i })) }, minItems: 3 }),
    () => [{ id: 4000 }, { id: 4001 }, { id: 3 }],
    'INFC5006',
  ),
  schema(
    'different items of an enum of 5,383 texts',
    () => ({ type: 'array', uniqueItems: true, items: { enum: range(5383).map((i) => `n${i}`) }, minItems: 5000 }),
    begin(JSON.stringify(range(40).map((i) => `n${i * 7}`)).slice(0, -1)),
    'INFC5006',
  ),
  schema(
    '500 constants of 5,383 items',
    () => ({ enum: range(20).map((i) => range(5383).map((j) => i * j)) }),
    () => range(300),
  ),
];
