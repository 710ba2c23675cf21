// npm run conformance:generate -- [--runs 1000] [--schemas 20] [--tokens 300] [--seed 0] [--verbose]
// Writes JSON with llama-story-655k under schemas of MaskBench and validates all of it with ajv; also what the constraint costs per token.
// The model's own tokenizer has no braces, so that its rarest tokens stand for the bytes it lacks: the weights are the model's, the letters
// of some tokens are not.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Ajv, type ValidateFunction } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { compile, writeArtifact } from '../../compiler/compile.ts';
import type { Constraint } from '../../grammars/constrain.ts';
import { constrain } from '../../grammars/constrain.ts';
import { vocabularyFromBytes, vocabularyFromTokenizerJson } from '../../grammars/tokenizer/index.ts';
import type { Vocabulary } from '../../grammars/vocabulary.ts';
import { InfcError } from '../../runtime/errors.ts';
import { LanguageModel, load } from '../../runtime/generate/index.ts';
import { openSequences } from '../../runtime/generate/open-decoder.ts';
import { root } from '../kit/root.ts';
import { readArguments } from './arguments.ts';
import { judgeFormats } from './judge.ts';
import { quantile } from './statistics.ts';

const shared = process.env.INFC_SHARED ?? path.join(root, '../shared');
const args = readArguments(
  'conformance:generate -- [--runs 1000] [--schemas 20] [--tokens 300] [--seed 0] [--verbose]',
  ['runs', 'schemas', 'tokens', 'seed'],
  ['verbose'],
);
const [runs, wanted, maxTokens, seed] = [
  args.number('runs', 1000),
  args.number('schemas', 20),
  args.number('tokens', 300),
  args.number('seed', 0),
];
const verbose = args.flag('verbose');
if (!existsSync(shared)) {
  console.log(`skipped: there is no ${shared}`);
  process.exit(0);
}

interface Chosen {
  readonly id: string;
  readonly constraint: Constraint;
  readonly valid: ValidateFunction;
}

/** The tokenizer's tokens; the last ones that are longer than a byte give way to the bytes that none spells alone. */
function completed(vocabulary: Vocabulary): Vocabulary {
  const tokens = [...vocabulary.bytes];
  const missing = Array.from({ length: 256 }, (_, b) => b).filter(
    (b) => !tokens.some((t) => t?.length === 1 && t[0] === b),
  );
  for (let at = tokens.length - 1; at >= 0 && missing.length > 0; at--)
    if ((tokens[at]?.length ?? 0) > 1) tokens[at] = Uint8Array.of(missing.pop() ?? 0);
  return vocabularyFromBytes(tokens, { eos: vocabulary.eos, special: Object.fromEntries(vocabulary.special) });
}

/** Schemas spread evenly over all sets: those that infc and ajv both compile and that fit the limit of tokens. */
function choose(vocabulary: Vocabulary): { chosen: Chosen[]; refused: string[] } {
  const folder = path.join(shared, 'conformance/jsonschemabench');
  const all = readdirSync(folder)
    .filter((f) => f.endsWith('.jsonl.gz'))
    .sort()
    .flatMap((f) =>
      gunzipSync(readFileSync(path.join(folder, f)))
        .toString()
        .split('\n')
        .filter((l) => l !== ''),
    );
  const chosen: Chosen[] = [];
  const refused: string[] = [];
  const stride = Math.max(1, Math.floor(all.length / wanted));
  for (let k = 0; k < wanted; k++) {
    // The first that works of each stretch.
    for (let i = k * stride + (seed % stride); i < Math.min(all.length, k * stride + stride + (seed % stride)); i++) {
      const { id, schema } = JSON.parse(all[i] ?? '') as { id: string; schema: object };
      try {
        const valid = validator(schema);
        const { exact, satisfiable } = constrain.check(schema);
        if (!exact || !satisfiable) throw new Error('not honoured exactly');
        const constraint = constrain(schema);
        const matcher = constraint.matcher(vocabulary, { maxTokens });
        if (matcher.minTokensToEnd() > maxTokens) throw new Error('too long');
        chosen.push({ id, constraint, valid });
        break;
      } catch (error) {
        refused.push(`${id}: ${error instanceof Error ? error.message.slice(0, 120) : String(error)}`);
      }
    }
  }
  return { chosen, refused };
}

function validator(schema: object): ValidateFunction {
  const draft = '$schema' in schema ? String(schema.$schema) : '';
  const options = { strict: false, allErrors: false, logger: false as const, validateFormats: true };
  const ajv = draft.includes('2019')
    ? new Ajv2019(options)
    : draft.includes('2020')
      ? new Ajv2020(options)
      : new Ajv(options);
  judgeFormats(ajv);
  const { $schema: _, ...rest } = schema as { $schema?: string };
  return ajv.compile(draft.includes('2019') || draft.includes('2020') ? schema : rest);
}

const dir = mkdtempSync(path.join(os.tmpdir(), 'infc-generate-'));
try {
  await writeArtifact(await compile(path.join(shared, 'models/llama-story-655k')), dir);
  const own = await load(dir, { threads: 1 });
  const file = JSON.parse(readFileSync(path.join(shared, 'models/llama-story-655k/tokenizer.json'), 'utf8'));
  const vocabulary = completed(vocabularyFromTokenizerJson(file, { eos: [2] }));
  // Nothing ends the free texts that the constrained ones are compared with but the limit of tokens.
  const endless = { ...own.generation, eos: [] };
  const free = new LanguageModel(own.model, endless, undefined, openSequences(own.model, endless));
  const { chosen, refused } = choose(vocabulary);
  console.log(`${chosen.length} schemas, ${refused.length} passed over`);
  if (verbose) for (const line of refused) console.log(`  ${line}`);
  const prompt = [1, 80, 147, 201, 282, 57];
  const ratios: number[] = [];
  const sums = { tokens: 0, constrained: 0, free: 0, valid: 0, refused: 0, made: 0 };
  const bad: string[] = [];
  const decode = (tokens: readonly number[]): string =>
    new TextDecoder('utf-8', { fatal: true }).decode(
      Uint8Array.from(tokens.flatMap((t) => [...(vocabulary.bytes[t] ?? [])])),
    );
  for (let run = 0; run < runs; run++) {
    const { id, constraint, valid } = chosen[run % chosen.length] ?? fail();
    const options = { temperature: 1, seed: seed + run };
    let text = '';
    try {
      const began = performance.now();
      const masks = constraint.matcher(vocabulary, { maxTokens, closing: 'lazily' });
      const made = await free.generate(prompt, { ...options, maxTokens, masks });
      const constrained = performance.now() - began;
      const n = made.tokens.length;
      const then = performance.now();
      await free.generate(prompt, { ...options, maxTokens: n });
      const plain = performance.now() - then;
      sums.tokens += n;
      sums.constrained += constrained;
      sums.free += plain;
      // The first runs of a schema build its tables.
      if (run >= 5 * chosen.length) ratios.push(constrained / plain);
      text = decode(made.tokens);
      if (made.finish !== 'end') throw new Error(`ended by ${made.finish}`);
      if (!valid(JSON.parse(text))) throw new Error(JSON.stringify(valid.errors?.[0]));
      sums.valid++;
    } catch (error) {
      // A decision of the schema compiler that took too long: the text is given up with an error, not written wrong.
      if (error instanceof InfcError && error.code === 'INFC5021') sums.refused++;
      bad.push(
        `${id} seed ${seed + run}: ${error instanceof Error ? error.message : String(error)} in ${text.slice(0, 300)}`,
      );
    }
    sums.made++;
  }
  for (const line of bad.slice(0, 20)) console.log(line);
  console.log(
    `${sums.valid} of ${sums.made} texts valid by ajv, ${sums.refused} given up (INFC5021), ${sums.made - sums.valid - sums.refused} wrong; ${(sums.tokens / sums.made).toFixed(0)} tokens each on average`,
  );
  ratios.sort((a, b) => a - b);
  await own.dispose();
  console.log(
    `time against free texts of as many tokens: ${(sums.constrained / sums.free).toFixed(3)} over all, tables included; median ${quantile(ratios, 0.5).toFixed(3)}, p90 ${quantile(ratios, 0.9).toFixed(3)} once they are there (${((1000 * sums.free) / sums.tokens).toFixed(0)} us a token free)`,
  );
  process.exitCode = sums.valid + sums.refused === sums.made ? 0 : 1;
} finally {
  rmSync(dir, { recursive: true, force: true });
}

function fail(): never {
  throw new InfcError('INFC8003', 'no schema was chosen');
}
