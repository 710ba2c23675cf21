import { begin, type Hostile, map, range, schema } from './case.ts';

/** Patterns of texts. */
export const PATTERNS: readonly Hostile[] = [
  schema(
    'repeats nested four deep',
    () => ({ type: 'string', pattern: '^(?:(?:(?:a{0,65536}b){0,65536}c){0,65536}d){0,65536}$' }),
    () => 'aaabcdbcd',
  ),
  schema(
    'repeats of repeats',
    () => ({ type: 'string', pattern: '((((a{0,65536}){0,65536}){0,65536}){0,65536})' }),
    () => 'aaa',
  ),
  schema(
    'repeats of repeats of choices',
    () => ({ type: 'string', pattern: '^((((a|ab|abc){1,65536}|b){1,65536}|ca){1,65536}){1,65536}$' }),
    () => 'aababcbca',
    'INFC5104',
    'INFC5021',
  ),
  schema(
    'an alternation of 5,000 words',
    () => ({
      type: 'string',
      pattern: `^(?:${range(5000)
        .map((i) => `w${(i * 7919) % 100_003}x`)
        .join('|')})$`,
    }),
    () => `w${(1234 * 7919) % 100_003}x`,
  ),
  schema(
    'an alternation of 5,000 words, twice',
    () => ({
      type: 'string',
      pattern: `^(?:${range(5000)
        .map((i) => `w${(i * 7919) % 100_003}x`)
        .join('|')}){2}$`,
    }),
    () => `w${(1234 * 7919) % 100_003}x`.repeat(2),
  ),
  schema(
    'classes of Unicode, a thousand times',
    () => ({ type: 'string', pattern: '^[\\p{L}\\p{N}\\p{Sc}]{1000,2000}[^\\p{Script=Greek}]{3}$' }),
    begin('"abc déf'.replace(' ', '')),
  ),
  schema(
    'an automaton of 2^30 states',
    () => ({ type: 'string', pattern: '^(?:a|b)*a(?:a|b){30}$' }),
    () => 'ba'.repeat(16),
    'INFC5104',
    'INFC5021',
  ),
  schema(
    'an automaton of 2^30 states, and its complement',
    () => ({ type: 'string', not: { pattern: '^(?:a|b)*a(?:a|b){30}$' }, pattern: '^[ab]*$' }),
    () => `bb${'bb'.repeat(15)}`,
    'INFC5104',
    'INFC5021',
  ),
  schema(
    '50 look-aheads',
    () => ({
      type: 'string',
      pattern: `^${range(50)
        .map((i) => `(?=.*${String.fromCharCode(0x4e00 + i)})`)
        .join('')}.*$`,
    }),
    begin('"abc'),
    'INFC5104',
    'INFC5021',
  ),
  schema(
    'groups nested 5,000 deep',
    () => ({ type: 'string', pattern: `${'('.repeat(5000)}a${')'.repeat(5000)}` }),
    () => 'a',
    'INFC5024',
    'INFC5005',
  ),
  schema(
    'a pattern of a megabyte',
    () => ({ type: 'string', pattern: `^${'ab?[c-e]'.repeat(125_000)}$` }),
    begin('"abcad'),
    'INFC5024',
    'INFC5005',
    'INFC5021',
  ),
  schema('a back-reference', () => ({ type: 'string', pattern: '(a)\\1' }), undefined, 'INFC5005'),
  schema('an invalid pattern', () => ({ type: 'string', pattern: '(a' }), undefined, 'INFC5005'),
  schema(
    '100 invalid patterns among names',
    () => ({ patternProperties: map(100, (i) => [`(${i}`, {}]) }),
    undefined,
    'INFC5005',
  ),

  schema(
    'repeats of seven lengths at once',
    () => ({
      type: 'string',
      minLength: 1,
      allOf: [2, 3, 5, 7, 11, 13, 17].map((n) => ({ pattern: `^(?:a{${n}})*$` })),
    }),
    begin('"aaaa'),
    'INFC5105',
    'INFC5021',
  ),
  schema(
    '28 look-behinds',
    () => ({
      type: 'string',
      pattern: range(28)
        .map((i) => `(?<!${String.fromCharCode(97 + (i % 26))}${i})[a-z0-9]*`)
        .join(''),
    }),
    begin('"abc'),
    'INFC5103',
    'INFC5104',
    'INFC5105',
    'INFC5021',
  ),
  schema(
    '300 patterns of which none matches',
    () => ({ type: 'string', not: { anyOf: range(300).map((i) => ({ pattern: `a.{${i % 20}}b${i}` })) } }),
    begin('"abc'),
    'INFC5021',
    'INFC5104',
  ),
];
