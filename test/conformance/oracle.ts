// npm run conformance:oracle -- [FILE.jsonl.gz...] [--states N] [--seed S]
// In N random states and each of three vocabularies every bit of the mask is compared with the acceptor, byte by byte. Tokens that are allowed
// get a continuation, which Ajv, JavaScript's RegExp or an Earley parser must accept; tokens that are not are put into such a text, which
// these must refuse. Constraints: random schemas, those of the files, regular expressions and grammars.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Grammar } from '../../grammars/cfg/grammar.ts';
import { compileGrammar } from '../../grammars/cfg/index.ts';
import { constrain } from '../../grammars/constrain.ts';
import { parseEbnf } from '../../grammars/frontends/ebnf.ts';
import { parseGbnf } from '../../grammars/frontends/gbnf.ts';
import { parseLark } from '../../grammars/frontends/lark.ts';
import type { Json } from '../../grammars/json/schema/document.ts';
import { type Acceptor, ENDING_FIRST } from '../../grammars/matching/acceptor.ts';
import type { TokenMachine } from '../../grammars/matching/token-machine.ts';
import { regexAcceptor } from '../../grammars/regex/acceptor.ts';
import { createRegexEngine } from '../../grammars/regex/index.ts';
import { regex, TextConstraint } from '../../grammars/text-constraint.ts';
import type { Vocabulary } from '../../grammars/vocabulary.ts';
import { InfcError } from '../../runtime/errors.ts';
import { Earley } from '../grammars/earley.ts';
import { random } from '../grammars/json-fixtures.ts';
import { RandomSchemas } from '../grammars/random-schema.ts';
import { llama2, llama3, o200k } from '../grammars/vocabularies.ts';
import { caseFiles, readArguments } from './arguments.ts';
import { type Validate, validatorOf } from './judge.ts';

const args = readArguments('conformance:oracle -- [FILE.jsonl.gz...] [--states N] [--seed S]', ['states', 'seed'], []);
const wanted = args.number('states', 2000);
const seed = args.number('seed', 1);
const next = random(seed);
const below = (n: number): number => Math.floor(next() * n);

/** States looked at in one constraint. */
const EACH = 8;
/** Allowed tokens of a state that are continued, and others that are put into a text. */
const CONTINUED = 3;
const REFUSED = 40;
/** Longer texts are not for the Earley parser: its time grows with their square or cube. */
const PARSED = 200;
/** Longer continuations are not looked for. */
const LONG = 2000;

const REGEXES = [
  /(?:(?!secret)[a-zé日 ])+: \d{1,4}(?<=[02468])/u,
  /^(?=.*\d)(?=.*[a-z])[\w-]{4,12}$/u,
  /[A-Z][a-z]+(?: [A-Z][a-z]+){0,3}(?<!Smith)/u,
  /\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])/u,
  /(?:[^"\\\n]|\\["\\nt])*/u,
  /(?:\p{L}|\p{N}|[_ ]){1,30}/u,
  /(?:foo|bar|ba(?:z|zz))+(?!\w)/u,
  /\b(?:if|else|while)\b(?: \b\w+\b)*/u,
];
const GRAMMARS: readonly (() => Grammar | Promise<Grammar>)[] = [
  () =>
    parseGbnf(
      'root ::= expr ("=" expr)?\nexpr ::= expr [-+] term | term\nterm ::= term "*" factor | factor\nfactor ::= [0-9]+ | "(" expr ")"',
    ),
  () =>
    parseGbnf(
      'root ::= v\nv ::= "{" (p ("," p)*)? "}" | "[" (v ("," v)*)? "]" | [0-9]+ | "\\"" [^"\\\\]* "\\""\np ::= "\\"" [a-z]* "\\":" v',
    ),
  () =>
    parseEbnf(
      'list = "(", [ item, { ",", item } ], ")" ; item = 2 * "a" | list | word ; word = letter, { letter } ; letter = ("x" | "y" | "z") - "y" ;',
    ),
  () =>
    parseLark(
      'start: sum\nsum: sum ("+"|"-") atom | atom\natom: NAME | "(" sum ")" | "[" [sum ("," sum)*] "]"\nNAME: /[a-z_]+/\n%ignore /[ \\n]/',
    ),
];

interface Case {
  readonly name: string;
  masks(vocabulary: Vocabulary): TokenMachine;
  readonly acceptor: Acceptor;
  /** An independent opinion of a whole text; undefined where it has none. */
  judge(text: string): boolean | undefined;
}

const every = constrain(true, { order: 'any', whitespace: 'json', escapes: 'any' });

function jsonCase(name: string, schema: Json, validate: Validate | undefined): Case {
  const constraint = constrain(schema, { order: 'any', whitespace: 'json', escapes: 'any' });
  return {
    name,
    masks: (vocabulary) => constraint.masks(vocabulary),
    acceptor: constraint.acceptor,
    judge(text) {
      // Names that come twice, half surrogates and numbers beyond doubles are not for Ajv to decide.
      if (!validate || /\d[eE]|\d{15}|\\u[dD][89a-fA-F]/.test(text)) return undefined;
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        return false;
      }
      return every.accepts(text) ? validate(value) : undefined;
    },
  };
}

function textCase(name: string, constraint: TextConstraint, judge: (text: string) => boolean | undefined): Case {
  return { name, masks: (vocabulary) => constraint.masks(vocabulary), acceptor: constraint.acceptor, judge };
}

const schemas = new RandomSchemas(next);
const rows = caseFiles(args.positionals)
  .map((file) => gunzipSync(readFileSync(file)).toString().split('\n').filter(Boolean))
  .filter((lines) => lines.length > 0);
const refused = new Map<string, number>();

async function someCase(): Promise<Case | undefined> {
  const kind = below(10);
  try {
    if (kind === 0) {
      const one = REGEXES[below(REGEXES.length)] ?? /a/;
      const whole = new RegExp(`^(?:${one.source})$`, 'u');
      return textCase(String(one), regex(one), (text) => whole.test(text));
    }
    if (kind === 1) {
      const grammar = await (GRAMMARS[below(GRAMMARS.length)] ?? GRAMMARS[0])?.();
      if (!grammar) return undefined;
      const engine = createRegexEngine();
      const constraint = new TextConstraint(regexAcceptor(engine, compileGrammar(engine, grammar).lang));
      const earley = new Earley(grammar);
      return textCase(grammar.start, constraint, (text) =>
        text.length > PARSED ? undefined : earley.recognize(text).accepted,
      );
    }
    const lines = kind < 6 ? rows[below(rows.length)] : undefined;
    if (!lines) {
      const schema = schemas.schema();
      return jsonCase(JSON.stringify(schema), schema, validatorOf(Object(schema)));
    }
    const { id, schema } = JSON.parse(lines[below(lines.length)] ?? '{}');
    let validate: Validate | undefined;
    try {
      validate = validatorOf(schema);
    } catch {
      // Ajv does not compile it.
    }
    return jsonCase(id, schema, validate);
  } catch (error) {
    if (!(error instanceof InfcError)) throw error;
    refused.set(error.code, (refused.get(error.code) ?? 0) + 1);
    return undefined;
  }
}

/** Tokens in the order of their bytes, each with the bytes it shares with the one before. */
interface Sorted {
  readonly vocabulary: Vocabulary;
  readonly name: string;
  readonly tokens: readonly { readonly id: number; readonly bytes: Uint8Array; readonly shared: number }[];
}

function sorted(name: string, vocabulary: Vocabulary): Sorted {
  const list = vocabulary.bytes.flatMap((bytes, id) => (bytes && bytes.length > 0 ? [{ id, bytes }] : []));
  list.sort((a, b) => Buffer.compare(a.bytes, b.bytes));
  let before = new Uint8Array(0);
  const tokens = list.map(({ id, bytes }) => {
    let shared = 0;
    while (shared < before.length && before[shared] === bytes[shared]) shared++;
    before = Uint8Array.from(bytes);
    return { id, bytes, shared };
  });
  return { name, vocabulary, tokens };
}

/** The state after each token, found byte by byte; bytes that tokens share are taken once. */
function after(acceptor: Acceptor, state: number, { tokens, vocabulary }: Sorted): Int32Array {
  const found = new Int32Array(vocabulary.size);
  const path = new Int32Array(300);
  path[0] = state;
  let known = 0;
  for (const { id, bytes, shared } of tokens) {
    let depth = Math.min(known, shared);
    while (depth < bytes.length && path[depth] !== 0) {
      path[depth + 1] = acceptor.step(path[depth] ?? 0, bytes[depth] ?? 0);
      depth++;
    }
    known = depth;
    found[id] = depth === bytes.length ? (path[depth] ?? 0) : 0;
  }
  return found;
}

/** Bytes that end a text from a state, the number promised at most; undefined where they are too many. */
function ending(acceptor: Acceptor, from: number): Uint8Array | undefined {
  const bytes: number[] = [];
  let state = from;
  const promised = acceptor.shortest(state);
  if (promised > LONG) return undefined;
  while (!acceptor.accepts(state)) {
    const left = acceptor.shortest(state);
    let to = 0;
    const byte = ENDING_FIRST.find((b) => {
      to = acceptor.step(state, b);
      return to !== 0 && acceptor.shortest(to) < left;
    });
    if (byte === undefined) throw new Error(`no way out after ${JSON.stringify(Buffer.from(bytes).toString())}`);
    bytes.push(byte);
    state = to;
  }
  if (bytes.length > promised) throw new Error(`an end of ${bytes.length} bytes, ${promised} were promised`);
  return Uint8Array.from(bytes);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
function text(...parts: readonly Uint8Array[]): string | undefined {
  try {
    return utf8.decode(Buffer.concat(parts));
  } catch {
    return undefined;
  }
}

const vocabularies = [
  sorted('128k byte-level', (await llama3()).vocabulary),
  sorted('32k SentencePiece', (await llama2()).vocabulary),
  sorted('200k tiktoken', o200k()),
];
const counts = { states: 0, bits: 0, mismatches: 0, continued: 0, judged: 0, put: 0, wrong: 0, unfinished: 0 };
let constraints = 0;

function wrong(kind: 'mismatches' | 'wrong' | 'unfinished', one: Case, said: string): void {
  counts[kind]++;
  if (counts[kind] <= 20) console.log(`${kind}: ${one.name.slice(0, 1000)}: ${said}`);
}

/** Compares one mask, and gives the states after its tokens. */
function compare(one: Case, where: Sorted, state: number, place: number, prefix: Uint8Array): Int32Array {
  const { vocabulary } = where;
  const machine = one.masks(vocabulary);
  const words = machine.pool.view(machine.mask(place));
  const to = after(one.acceptor, state, where);
  const shown = JSON.stringify(Buffer.from(prefix).toString());
  for (let token = 0; token < vocabulary.size; token++) {
    const expected = vocabulary.eos.includes(token) ? one.acceptor.accepts(state) : to[token] !== 0;
    const bit = (((words[token >>> 5] ?? 0) >>> (token & 31)) & 1) === 1;
    if (bit !== expected) wrong('mismatches', one, `${where.name}, after ${shown}, token ${token}: mask ${bit}`);
  }
  counts.bits += vocabulary.size;
  return to;
}

/** Continues some allowed tokens, and puts others into the text that this gives. */
function probe(one: Case, where: Sorted, to: Int32Array, prefix: Uint8Array): void {
  const { tokens } = where;
  const live = tokens.filter(({ id }) => to[id] !== 0);
  let rest: Uint8Array | undefined;
  for (let n = 0; n < CONTINUED && live.length > 0; n++) {
    const { id, bytes } = live[below(live.length)] ?? { id: 0, bytes: prefix };
    try {
      const end = ending(one.acceptor, to[id] ?? 0);
      if (!end) continue;
      counts.continued++;
      const whole = text(prefix, bytes, end);
      const verdict = whole === undefined ? false : one.judge(whole);
      if (verdict !== undefined) counts.judged++;
      if (verdict === false) wrong('wrong', one, `allows ${JSON.stringify(whole)}`);
      if (verdict === true) rest = Buffer.concat([bytes, end]);
    } catch (error) {
      wrong('unfinished', one, `${JSON.stringify(Buffer.from(prefix).toString())} + ${id}: ${String(error)}`);
    }
  }
  if (!rest) return;
  for (let n = 0; n < REFUSED; n++) {
    const { id, bytes } = tokens[below(n % 2 === 0 ? Math.min(2000, tokens.length) : tokens.length)] ?? {
      id: 0,
      bytes: prefix,
    };
    if (to[id] !== 0) continue;
    for (let cut = 0; cut <= Math.min(2, rest.length); cut++) {
      const whole = text(prefix, bytes, rest.subarray(cut));
      if (whole === undefined) continue;
      counts.put++;
      if (one.judge(whole) === true) wrong('wrong', one, `refuses ${JSON.stringify(whole)}`);
    }
  }
}

const began = process.cpuUsage();
while (counts.states < wanted) {
  const one = await someCase();
  if (!one) continue;
  let prefix: Uint8Array = new Uint8Array(0);
  let state = one.acceptor.start;
  try {
    // Machines first: some schemas are refused with their first mask.
    let places = vocabularies.map(({ vocabulary }) => {
      const machine = one.masks(vocabulary);
      machine.mask(machine.start);
      return machine.start;
    });
    constraints++;
    for (let n = 0; n < EACH && counts.states < wanted; n++) {
      const all = vocabularies.map((where, i) => compare(one, where, state, places[i] ?? 0, prefix));
      counts.states++;
      const which = below(3);
      const where = vocabularies[which];
      const to = all[which];
      if (!where || !to) break;
      probe(one, where, to, prefix);
      const live = where.tokens.filter(({ id }) => to[id] !== 0);
      let chosen = live[below(live.length)];
      // Long tokens are rare and go deep: prefer one in three times.
      if (next() < 0.3) for (const other of live) if (other.bytes.length > (chosen?.bytes.length ?? 0)) chosen = other;
      if (!chosen) break;
      const { bytes } = chosen;
      prefix = Buffer.concat([prefix, bytes]);
      state = to[chosen.id] ?? 0;
      places = vocabularies.map(({ vocabulary }, i) => one.masks(vocabulary).run(places[i] ?? 0, bytes));
    }
  } catch (error) {
    if (!(error instanceof InfcError)) throw error;
    if (prefix.length > 0)
      wrong('unfinished', one, `after ${JSON.stringify(Buffer.from(prefix).toString())}: ${error.message}`);
    else refused.set(error.code, (refused.get(error.code) ?? 0) + 1);
  }
  if (constraints % 10 === 0) process.stderr.write(`${JSON.stringify(counts)}\n`);
}
const { user, system } = process.cpuUsage(began);
console.log(
  JSON.stringify({
    seed,
    vocabularies: vocabularies.length,
    constraints,
    ...counts,
    refused: Object.fromEntries(refused),
    cpu_seconds: Math.round((user + system) / 1e6),
  }),
);
if (counts.mismatches + counts.wrong + counts.unfinished > 0) process.exitCode = 1;
