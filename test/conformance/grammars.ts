// npm run conformance:grammars -- PATH [--strings N] [--seed S]   (PATH: a folder or .tar.gz of .gbnf, .ebnf and .lark files)
// Every grammar is loaded and walked at random; members so found and their mutations are compared with an Earley parser, prefix by prefix.

import { compileGrammar } from '../../grammars/cfg/index.ts';
import { ENDING_FIRST } from '../../grammars/matching/acceptor.ts';
import { regexAcceptor } from '../../grammars/regex/acceptor.ts';
import { createRegexEngine } from '../../grammars/regex/index.ts';
import { InfcError } from '../../runtime/errors.ts';
import { Earley } from '../grammars/earley.ts';
import { random } from '../grammars/json-fixtures.ts';
import { sampleGrammars } from '../grammars/sample-grammars.ts';
import { onePath, readArguments } from './arguments.ts';
import { textFiles } from './tar.ts';

const args = readArguments('conformance:grammars -- PATH [--strings 10000] [--seed 1]', ['strings', 'seed'], []);
const path = onePath(args);
const wanted = args.number('strings', 10_000);
const seed = args.number('seed', 1);
const next = random(seed);
const below = (n: number): number => Math.floor(next() * n);
/** Longest text that Earley gets, in characters. */
const LONG = 60;

const utf8 = new TextEncoder();
const counts = { strings: 0, members: 0, prefixes: 0, wrong: 0 };
const skipped: string[] = [];
const grammars = [...(await sampleGrammars(new Map(textFiles(path))))];
if (grammars.length === 0)
  throw new InfcError('INFC8003', 'no .gbnf, .ebnf or .lark file is there', { file: path, fix: 'Check the path' });
const loaded = grammars.map(([name, grammar]) => {
  const engine = createRegexEngine();
  const { lang, unproductive } = compileGrammar(engine, grammar);
  const acceptor = regexAcceptor(engine, lang);
  let oracle: Earley | undefined;
  try {
    oracle = new Earley(grammar);
  } catch (error) {
    skipped.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return { name, acceptor, oracle, exact: unproductive.length === 0 };
});

/** A member: some random bytes of the grammar, then those that end it soonest. */
function member(acceptor: (typeof loaded)[number]['acceptor']): string | undefined {
  const bytes: number[] = [];
  let state = acceptor.start;
  const take = (to: number, byte: number): void => {
    bytes.push(byte);
    state = to;
  };
  for (let most = below(LONG / 2); most > 0; most--) {
    const ways = Array.from({ length: 256 }, (_, byte) => ({ byte, to: acceptor.step(state, byte) })).filter(
      (w) => w.to !== 0,
    );
    // Letters are many: punctuation gets its turn.
    const few = ways.filter(({ byte }) => byte < 0x40);
    const list = few.length > 0 && next() < 0.6 ? few : ways;
    const way = list[below(list.length)];
    if (!way) break;
    take(way.to, way.byte);
  }
  while (!acceptor.accepts(state)) {
    const left = acceptor.shortest(state);
    if (left > LONG) return undefined;
    const byte = ENDING_FIRST.find((b) => acceptor.shortest(acceptor.step(state, b)) < left);
    if (byte === undefined) throw new Error(`no way out after ${Buffer.from(bytes).toString()}`);
    take(acceptor.step(state, byte), byte);
  }
  return Buffer.from(bytes).toString();
}

function mutated(text: string): string {
  const chars = Array.from(text);
  for (let edits = below(3); edits > 0; edits--)
    chars.splice(below(chars.length + 1), below(2), ...(next() < 0.6 ? [chars[below(chars.length)] ?? ''] : []));
  return chars.join('');
}

const judged = loaded.filter(({ oracle }) => oracle !== undefined);
for (let n = 0; counts.strings < wanted && n < wanted * 4; n++) {
  const one = judged[n % judged.length];
  if (!one?.oracle) break;
  const { name, acceptor, oracle, exact } = one;
  const found = member(acceptor);
  if (found === undefined) continue;
  const text = mutated(found);
  // The text, and a beginning of it.
  for (const part of [
    text,
    Array.from(text)
      .slice(0, below(text.length + 1))
      .join(''),
  ]) {
    let state = acceptor.start;
    for (const byte of utf8.encode(part)) state = acceptor.step(state, byte);
    const { accepted, viable } = oracle.recognize(part);
    if (part === text) counts.strings++;
    else counts.prefixes++;
    if (accepted) counts.members++;
    // An unproductive rule keeps Earley going where nothing can complete.
    if (acceptor.accepts(state) === accepted && (!exact || (state !== 0) === viable)) continue;
    counts.wrong++;
    console.log(
      `${name}: ${JSON.stringify(part)}: accepted ${acceptor.accepts(state)}, ${accepted} by Earley; alive ${state !== 0}, ${viable}`,
    );
  }
}
for (const line of skipped) console.log(`no oracle for ${line}`);
console.log(JSON.stringify({ seed, grammars: loaded.length, judged: judged.length, ...counts }));
if (counts.wrong > 0) process.exitCode = 1;
