// npm run conformance:walks -- FILE.jsonl.gz... [--walks N] [--seed S] [--closing masks] [--spare N] [--verbose]
// Random walks over allowed tokens, in three vocabularies, half of them with a limit of up to 60 tokens more than the fewest, kept when tokens are
// taken, as generators do: each must end in a document that Ajv accepts. `--closing masks`: all of them with a limit, kept by the masks; `--spare`:
// of less than so many tokens more.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Constraint } from '../../grammars/constrain.ts';
import { constrain } from '../../grammars/constrain.ts';
import { InfcError } from '../../runtime/errors.ts';
import { random } from '../grammars/json-fixtures.ts';
import { randomWalk } from '../grammars/random-walk.ts';
import { llama2, llama3, o200k } from '../grammars/vocabularies.ts';
import { readArguments, someCaseFiles } from './arguments.ts';
import { type Validate, validatorOf } from './judge.ts';

const args = readArguments(
  'conformance:walks -- FILE.jsonl.gz... [--walks N] [--seed S] [--closing masks] [--spare N] [--seconds N] [--verbose]',
  ['walks', 'seed', 'seconds', 'closing', 'spare'],
  ['verbose'],
);
const files = someCaseFiles(args.positionals);
const wanted = args.number('walks', 10_000);
const seed = args.number('seed', 1);
/** Seconds of processor time after which no further walk begins. */
const most = args.number('seconds', Number.POSITIVE_INFINITY);
const verbose = args.flag('verbose');
const closing = args.value('closing') === 'masks' ? 'masks' : 'lazily';
const spare = args.number('spare', 60, 1);
const next = random(seed);
const below = (n: number): number => Math.floor(next() * n);

const sets = files.map((file) => gunzipSync(readFileSync(file)).toString().split('\n').filter(Boolean));
const vocabularies = [(await llama3()).vocabulary, (await llama2()).vocabulary, o200k()];

type Schema = { readonly [key: string]: unknown };

/** Most tokens of a shortest text for walks with a limit of tokens. */
const LONG = 100;

function cpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

let walks = 0;
let unjudged = 0;
let bounded = 0;
const refused = new Map<string, number>();
const failures: string[] = [];
function fail(text: string): void {
  failures.push(text);
  console.log(text);
}
const began = cpu();
for (let n = 0; walks < wanted && n < wanted * 4 && cpu() - began < most; n++) {
  const set = sets[n % sets.length] ?? [];
  const { id, schema } = JSON.parse(set[below(set.length)] ?? '{}') as { id: string; schema: Schema };
  if (verbose) process.stderr.write(`${n} ${id}\n`);
  const options = {
    order: next() < 0.5 ? 'any' : 'schema',
    whitespace: (['bounded', 'compact', 'json'] as const)[below(3)] ?? 'bounded',
    escapes: next() < 0.5 ? 'any' : 'minimal',
  } as const;
  let constraint: Constraint;
  try {
    constraint = constrain(schema, options);
    for (const vocabulary of vocabularies.slice(0, 1)) constraint.matcher(vocabulary).mask();
  } catch (error) {
    if (!(error instanceof InfcError)) throw error;
    refused.set(error.code, (refused.get(error.code) ?? 0) + 1);
    continue;
  }
  let validate: Validate | undefined;
  try {
    validate = validatorOf(schema);
  } catch {
    // Ajv does not compile it.
  }
  const start = cpu();
  for (const vocabulary of vocabularies) {
    let text = '';
    let limit: number | undefined;
    walks++;
    try {
      if (closing === 'masks' || next() < 0.5) {
        const shortest = constraint.matcher(vocabulary).minTokensToEnd();
        // Counting the tokens of long texts is slow.
        if (shortest <= LONG) limit = shortest + below(spare);
      }
      if (limit !== undefined) bounded++;
      text = Buffer.concat(randomWalk(next, constraint, vocabulary, limit, closing)).toString();
      const value: unknown = JSON.parse(text);
      // More digits than doubles have are beyond what Ajv decides, and draft 4's integers, which are told by how they are written (1.0 is none).
      const beyond = /draft-04/.test(String(schema.$schema)) ? /\d[eE]|\d{15}|\.0+(?!\d)/ : /\d[eE]|\d{15}/;
      if (!validate || beyond.test(text)) unjudged++;
      else if (!validate(value))
        fail(
          `${id} ${JSON.stringify(options)} ${limit ?? ''}: ${text.slice(0, 600)} ${JSON.stringify(validate.errors)}`,
        );
    } catch (error) {
      fail(
        `${id} ${JSON.stringify(options)} ${limit ?? ''}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
  if (verbose && n % 100 === 0)
    console.log(`${walks} walks, ${failures.length} failures, ${Math.round(cpu() - began)} s`);
  const seconds = cpu() - start;
  if (verbose && seconds > 1) console.log(`${id}: ${seconds.toFixed(1)} s`, JSON.stringify(options));
}
console.log(
  JSON.stringify({
    seed,
    walks,
    bounded,
    closing,
    failures: failures.length,
    unjudged,
    refused: Object.fromEntries(refused),
    cpu_seconds: Math.round(cpu() - began),
  }),
);
