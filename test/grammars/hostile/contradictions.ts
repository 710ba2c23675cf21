import { type Hostile, map, range, schema } from './case.ts';

/** Schemas that no value satisfies, and wrong ones. */
export const CONTRADICTIONS: readonly Hostile[] = [
  schema(
    'allOf that contradicts itself',
    () => ({ allOf: [{ type: 'string' }, { type: 'number' }] }),
    undefined,
    'INFC5010',
  ),
  schema(
    'allOf that contradicts itself, 1,000 ways',
    () => ({
      allOf: range(1000).map((i) => ({
        type: 'object',
        properties: { [`a${i}`]: { type: i % 2 ? 'string' : 'number' } },
        required: ['a0'],
        maxProperties: 0,
      })),
    }),
    undefined,
    'INFC5010',
  ),
  schema(
    'patterns that exclude each other',
    () => ({
      type: 'string',
      allOf: range(26).map((i) => ({ pattern: `^[^${'abcdefghijklmnopqrstuvwxyz'[i]}]*$` })),
      pattern: '^[a-z]+$',
    }),
    undefined,
    'INFC5010',
  ),
  schema(
    'recursion without a base case',
    () => ({
      $ref: '#/$defs/a',
      $defs: { a: { type: 'object', properties: { n: { $ref: '#/$defs/a' } }, required: ['n'] } },
    }),
    undefined,
    'INFC5010',
  ),
  schema(
    'recursion without a base case, over 1,000 definitions',
    () => ({
      $ref: '#/$defs/d0',
      $defs: map(1000, (i) => [
        `d${i}`,
        { type: 'object', properties: { n: { $ref: `#/$defs/d${(i + 1) % 1000}` } }, required: ['n'] },
      ]),
    }),
    undefined,
    'INFC5010',
    'INFC5024',
  ),
  schema('a reference to itself', () => ({ $ref: '#' }), undefined, 'INFC5022'),
  schema(
    'a circle of 1,000 references',
    () => ({
      $ref: '#/$defs/d0',
      $defs: map(1000, (i) => [`d${i}`, { allOf: [{ $ref: `#/$defs/d${(i + 1) % 1000}` }] }]),
    }),
    undefined,
    'INFC5022',
    'INFC5024',
  ),
  schema(
    'names that UTF-8 cannot spell',
    () => ({ type: 'object', properties: { '\ud800': {} }, required: ['\ud800'] }),
    undefined,
    'INFC5010',
  ),
  schema(
    'texts that UTF-8 cannot spell',
    () => ({ enum: range(5000).map((i) => `\udc00${i}`) }),
    undefined,
    'INFC5010',
  ),
  schema(
    '5,000 keywords of the wrong type',
    () => ({ properties: map(5000, (i) => [`p${i}`, { minLength: 'x' }]), required: ['p7'] }),
    undefined,
    'INFC5001',
  ),
];
