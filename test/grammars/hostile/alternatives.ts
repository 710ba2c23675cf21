import { tools } from '../../../grammars/index.ts';
import { type Hostile, map, nest, range, schema, THEN } from './case.ts';

const parameters = (n: number): object => ({
  type: 'object',
  properties: map(n, (j) => [
    `p${j}`,
    [{ type: 'string' }, { type: 'integer', minimum: j }, { enum: ['a', `c${j}`] }][j % 3],
  ]),
  required: ['p0', 'p1'],
});
/** Schemas of many alternatives and conditions. */
export const ALTERNATIVES: readonly Hostile[] = [
  schema(
    'oneOf nested 16 deep',
    () =>
      nest(16, (inner) => ({
        oneOf: ['a', 'b'].map((k) => ({ type: 'object', properties: { [k]: inner }, required: [k] })),
      })),
    () => range(16).reduce<unknown>((inner, i) => ({ [i % 2 ? 'a' : 'b']: inner }), 'x'),
  ),
  schema(
    'oneOf nested 16 deep, alternatives alike',
    () => nest(16, (s) => ({ oneOf: [s, { type: 'object', properties: { a: s } }, { type: 'array', items: s }] })),
    undefined,
    'INFC5021',
  ),
  schema(
    '40 overlapping alternatives',
    () => ({
      oneOf: range(40).map((i) => ({
        type: 'object',
        properties: map(8, (j) => [`k${(i + j) % 12}`, { type: j % 2 ? 'string' : 'integer' }]),
        required: [`k${i % 12}`],
      })),
    }),
    undefined,
    'INFC5021',
  ),
  schema(
    '3,000 alternatives of one text',
    () => ({ anyOf: range(3000).map((i) => ({ const: `v${i}` })) }),
    () => 'v2345',
  ),
  schema(
    '3,000 alternatives of objects',
    () => ({
      anyOf: range(3000).map((i) => ({ type: 'object', properties: { k: { const: i } }, required: ['k'] })),
    }),
    () => ({ k: 2345, other: [1] }),
  ),
  schema(
    '3,000 alternatives of objects, exactly one',
    () => ({
      oneOf: range(3000).map((i) => ({
        type: 'object',
        properties: { k: { const: `k${i}` }, v: { type: 'integer', minimum: i } },
        required: ['k'],
        additionalProperties: false,
      })),
    }),
    () => ({ k: 'k2345', v: 2346 }),
  ),
  schema(
    '500 tools of 20 parameters',
    () => ({
      oneOf: range(500).map((i) => ({
        type: 'object',
        properties: { name: { const: `tool_${i}` }, arguments: parameters(20) },
        required: ['name', 'arguments'],
        additionalProperties: false,
      })),
    }),
    () => ({ name: 'tool_432', arguments: { p0: 'x', p1: 7, p2: 'c2', p4: 5, other: {} } }),
  ),
  {
    name: '500 tools',
    make: () => {
      const definitions = Object.fromEntries(range(500).map((i) => [`tool_${i}`, { input: parameters(20) }]));
      return (json) => tools(definitions, { choice: 'required', json });
    },
    text: () =>
      '<tool_call>\n{"name": "tool_432", "arguments": {"p0": "x", "p1": 7, "p2": "c2", "p4": 5}}\n</tool_call>',
    refusals: [],
  },
  schema(
    '500 conditions one after the other',
    () => ({
      type: 'object',
      allOf: range(500).map((i) => ({
        if: { properties: { kind: { const: `k${i}` } }, required: ['kind'] },
        [THEN]: { required: [`r${i}`] },
      })),
    }),
    () => ({ kind: 'k77', r77: 1 }),
    'INFC5021',
  ),
  schema(
    '500 conditions, each within the else of another',
    () =>
      nest(
        500,
        (inner) => ({ if: { required: ['a'] }, [THEN]: { properties: { a: { type: 'string' } } }, else: inner }),
        {},
      ),
    () => ({ a: 'x' }),
    'INFC5021',
  ),
  schema(
    'not of not, 1,001 levels',
    () => nest(1001, (inner) => ({ not: inner })),
    () => 5,
  ),

  schema(
    '60 definitions, each all of the later ones',
    () => ({
      $ref: '#/$defs/d0',
      $defs: map(60, (i) => [
        `d${i}`,
        {
          properties: { [`p${i}`]: { type: 'integer', minimum: i } },
          allOf: range(59 - i).map((j) => ({ $ref: `#/$defs/d${i + j + 1}` })),
        },
      ]),
    }),
    () => ({ p7: 8, p59: 60 }),
  ),
  schema(
    'conditions within both branches of conditions, 12 deep',
    () =>
      range(12).reduce<object>(
        (inner, i) => ({
          if: { required: [`a${i}`] },
          [THEN]: inner,
          else: { allOf: [inner, { required: [`b${i}`] }] },
        }),
        { properties: { z: { type: 'integer' } } },
      ),
    () => ({ z: 5, ...map(12, (i) => [`a${i}`, i]) }),
    'INFC5021',
  ),
];
