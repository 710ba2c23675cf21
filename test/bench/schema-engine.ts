// One engine of test/bench/schema.mjs, in a process of its own: ENGINE CASES FROM [XGRAMMAR]. Prints a line of JSON for each schema.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constrain } from '../../grammars/index.ts';
import { llama3 } from '../conformance/vocabularies.ts';

interface Case {
  readonly id: string;
  readonly schema: unknown;
  readonly texts: readonly string[];
}

/** What both engines can do. */
interface Walker {
  mask(out: Uint32Array): void | Promise<void>;
  take(token: number): boolean;
}

interface XMatcher {
  getNextTokenBitmask(): Promise<Int32Array>;
  acceptToken(token: number): boolean;
  dispose(): void;
}

interface XGrammar {
  readonly TokenizerInfo: {
    createTokenizerInfo(
      table: readonly string[],
      kind: string,
      prefix: boolean,
      size: number,
      stop: readonly number[],
    ): Promise<object>;
  };
  readonly GrammarCompiler: {
    createGrammarCompiler(
      info: object,
      cache: boolean,
    ): Promise<{
      compileJSONSchema(
        schema: string,
        anySpace: boolean,
        indent: undefined,
        separators: undefined,
        strict: boolean,
      ): Promise<object>;
    }>;
  };
  readonly GrammarMatcher: { createGrammarMatcher(grammar: object): Promise<XMatcher> };
}

/** Schemas run once before they are measured. */
const WARM_UP = 30;

const [engine = 'infc', file = '', from = '0', peer = ''] = process.argv.slice(2);
const cases = JSON.parse(readFileSync(file, 'utf8')) as readonly Case[];
const vocabulary = await llama3();
const out = new Uint32Array((vocabulary.size + 31) >>> 5);

async function opener(): Promise<(schema: unknown) => Promise<() => Promise<Walker>>> {
  if (engine === 'infc')
    return async (schema) => {
      const constraint = constrain(schema, { order: 'schema', whitespace: 'json', escapes: 'any' });
      return async () => {
        const matcher = constraint.matcher(vocabulary);
        return { mask: (words) => void matcher.mask(words), take: (token) => matcher.tryCommit(token) };
      };
    };
  const { TokenizerInfo, GrammarCompiler, GrammarMatcher } = createRequire(import.meta.url)(peer) as XGrammar;
  const { default: tokenizer } = await import('llama3-tokenizer-js');
  const table: readonly string[] = tokenizer.vocabById;
  const info = await TokenizerInfo.createTokenizerInfo(table, 'byte_level', false, table.length, vocabulary.eos);
  return async (schema) => {
    const compiler = await GrammarCompiler.createGrammarCompiler(info, false);
    const grammar = await compiler.compileJSONSchema(JSON.stringify(schema), true, undefined, undefined, false);
    return async () => {
      const matcher = await GrammarMatcher.createGrammarMatcher(grammar);
      return {
        mask: async (words) => words.set(new Uint32Array((await matcher.getNextTokenBitmask()).buffer)),
        take: (token) => matcher.acceptToken(token),
      };
    };
  };
}

/**
 * Tokens that both engines judge by the same rules. web-xgrammar takes no carriage return for white space, spells names and listed values in
 * one way only, and allows the texts of special tokens and bytes that no UTF-8 has within strings.
 */
const compared = new Uint32Array(out.length);
vocabulary.bytes.forEach((bytes, token) => {
  if (bytes?.every((b) => b !== 0x0d && b !== 0x5c && b !== 0xc0 && b !== 0xc1 && b < 0xf5))
    compared[token >>> 5] = (compared[token >>> 5] ?? 0) | (1 << (token & 31));
});

function hash(words: Uint32Array, only?: Uint32Array): number {
  let h = 0;
  for (let i = 0; i < words.length; i++) h = Math.imul(h ^ ((words[i] ?? 0) & (only?.[i] ?? -1)), 0x01000193) + i;
  return h | 0;
}

const open = await opener();
async function measure(n: number, { id, schema, texts }: Case): Promise<string> {
  const tokens = texts.map((text) => vocabulary.encode(text));
  const line = {
    n,
    id,
    first: -1,
    us: [] as number[],
    hashes: [] as number[],
    alike: [] as number[],
    accepted: 0,
    error: '',
  };
  try {
    const began = performance.now();
    const start = await open(schema);
    const walker = await start();
    await walker.mask(out);
    line.first = performance.now() - began;
    for (const ids of tokens) {
      const walk = await start();
      let ok = true;
      for (const token of ids) {
        const before = performance.now();
        await walk.mask(out);
        const allowed = (((out[token >>> 5] ?? 0) >>> (token & 31)) & 1) === 1;
        ok = allowed && walk.take(token);
        line.us.push(Math.round((performance.now() - before) * 1e5) / 100);
        line.hashes.push(hash(out));
        line.alike.push(hash(out, compared));
        if (!ok) break;
      }
      if (ok) line.accepted++;
    }
  } catch (error) {
    line.error = String(error).slice(0, 200);
  }
  return JSON.stringify(line);
}

// Both engines have a compiler behind them that wants to see some work first.
for (const [n, one] of cases.slice(0, Number(from) === 0 ? WARM_UP : 0).entries()) await measure(n, one);
for (const [n, one] of cases.entries()) if (n >= Number(from)) process.stdout.write(`${await measure(n, one)}\n`);
process.exit(0);
