import type { CancelSignal } from '../../../grammars/cancel.ts';
import { choice, constrain, grammar, regex, vocabularyFromTokenizerJson } from '../../../grammars/index.ts';
import { type Hostile, type HostileOptions, range } from './case.ts';

const signalOf = ({ signal }: HostileOptions): { readonly signal?: CancelSignal } => (signal ? { signal } : {});

/** A grammar, a text of it (or how one begins) and the refusals that will do. */
function rules(
  name: string,
  make: () => { readonly gbnf: string } | { readonly lark: string } | { readonly ebnf: string },
  text: string | undefined,
  ...refusals: string[]
): Hostile {
  return {
    name,
    make: () => {
      const made = make();
      return (options) => grammar(made, signalOf(options));
    },
    ...(text !== undefined && { text: () => text }),
    refusals,
  };
}

/** A tokenizer.json, for texts of any schema. */
function tokenizer(name: string, make: () => object, ...refusals: string[]): Hostile {
  return {
    name,
    make: () => {
      const file = make();
      return (options) => {
        const vocabulary = vocabularyFromTokenizerJson(file);
        const { order, signal } = options;
        const opened = constrain({ type: 'string' }, { order, ...(signal && { signal }) });
        return { matcher: (_, limits) => opened.matcher(vocabulary, limits) };
      };
    },
    refusals,
  };
}

const letters = Object.fromEntries(range(26).map((i) => [String.fromCharCode(97 + i), i]));
const bpe = (model: object, rest: object = {}): object => ({
  added_tokens: [],
  decoder: { type: 'ByteLevel' },
  ...rest,
  model: { type: 'BPE', vocab: letters, merges: [], ...model },
});

/** Regular expressions, grammars and tokenizers. */
export const TEXTS: readonly Hostile[] = [
  {
    name: 'a regular expression of 100,000 optional parts',
    make: () => (options) => regex(`^${'a?'.repeat(100_000)}$`, signalOf(options)),
    text: () => 'aaa',
    refusals: ['INFC5103'],
  },
  {
    name: 'a grammar of 2,000 rules that refer to each other',
    make: () => {
      const rules = range(2000).map((i) => `r${i} ::= "a" r${(i * 7 + 1) % 2000} | "b${i}"`);
      return (options) => grammar({ gbnf: `root ::= r0\n${rules.join('\n')}` }, signalOf(options));
    },
    text: () => 'aaab',
    refusals: [],
  },
  {
    name: 'a grammar without an end',
    make: () => (options) => grammar({ gbnf: 'root ::= "a" root' }, signalOf(options)),
    refusals: ['INFC5010', 'INFC5203'],
  },
  {
    name: 'groups of a grammar nested 3,000 deep',
    make: () => (options) => grammar({ gbnf: `root ::= ${'('.repeat(3000)}"a"${')'.repeat(3000)}` }, signalOf(options)),
    text: () => 'a',
    refusals: ['INFC5304'],
  },
  rules(
    '1,000 rules that begin with one another',
    () => ({
      gbnf: `root ::= r0\n${range(1000)
        .map((i) => `r${i} ::= r${(i + 1) % 1000} "x" | "b"`)
        .join('\n')}`,
    }),
    undefined,
    'INFC5304',
  ),
  rules(
    'a grammar of 20,000 words',
    () => ({
      gbnf: `root ::= ${range(20_000)
        .map((i) => `"w${i * 7}"`)
        .join(' | ')}`,
    }),
    'w49',
  ),
  rules(
    'a text of 480,000 characters in a grammar',
    () => ({ gbnf: `root ::= "${'abc'.repeat(160_000)}"` }),
    undefined,
    'INFC5304',
  ),
  rules(
    'a template that doubles what it is given',
    () => ({ lark: 'start: t{"a"}\nt{x}: x t{(x x)} | "b"' }),
    undefined,
    'INFC5304',
  ),
  rules(
    '10,000 rules of Lark',
    () => ({
      lark: `start: r0\n${range(10_000)
        .map((i) => `r${i}: "a" r${(i * 7 + 1) % 10_000} | "b${i}"`)
        .join('\n')}`,
    }),
    'aab',
  ),
  {
    name: 'a choice of 20,000 texts',
    make: () => {
      const texts = range(20_000).map((i) => `text ${i * 7919}`);
      return () => choice(texts);
    },
    text: () => `text ${7919 * 77}`,
    refusals: [],
  },
  tokenizer('a token of a megabyte', () => bpe({ vocab: { ...letters, ['a'.repeat(1_000_000)]: 26 } }), 'INFC5017'),
  tokenizer(
    '300,000 merges of what is no token',
    () => bpe({ merges: range(300_000).map((i) => `q${i} z${i}`) }),
    'INFC5017',
  ),
  tokenizer(
    'sequences of sequences, 20,000 levels',
    () =>
      bpe(
        {},
        {
          pre_tokenizer: range(20_000).reduce<object>((part) => ({ type: 'Sequence', pretokenizers: [part] }), {
            type: 'ByteLevel',
          }),
        },
      ),
    'INFC5201',
  ),

  rules('repeats of nothing, 60 deep', () => ({ gbnf: `root ::= ${'('.repeat(60)}"a"?${')*'.repeat(60)} "b"` }), 'aab'),
  rules(
    'a rule that is twice itself, or nothing',
    () => ({ gbnf: 'root ::= root root | "a" | ""\nx ::= root{0,1000}' }),
    'aaaa',
    'INFC5304',
  ),
  rules(
    'terminals of Lark that repeat repeats of one another',
    () => ({
      lark: `start: (A | B | C)~1..1000\nA: /(?:(?:a{0,100}b?){0,100}c){0,1000}/\nB: (A A?)~0..200 "x"\nC: (B | A B)~0..200 /[a-x]{0,500}y/`,
    }),
    'aabcxy',
    'INFC5104',
    'INFC5105',
  ),
  rules(
    'a rule of EBNF with 2,000 alternatives of alternatives',
    () => ({
      ebnf: `root = ${range(2000)
        .map((i) => `("x${i % 100}", ["y"], {"z${i}"} | "w${i}")`)
        .join(' | ')};`,
    }),
    'x7yz7',
    'INFC5304',
  ),
];
