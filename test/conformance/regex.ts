import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { createRegexEngine, type Lang, type RegexEngine } from '../../grammars/regex/index.ts';
import { InfcError } from '../../runtime/errors.ts';
import { type Arguments, readArguments, someCaseFiles } from './arguments.ts';

// Compares the regex engine with recorded results: `npm run conformance:regex -- PATH... [--json FILE]`.
// PATH is a .jsonl.gz file of rust-regex, RE2 search, RE2 exhaustive or MaskBench patterns, or a folder of them.

interface Outcome {
  readonly id: string;
  readonly status: 'agree' | 'refused' | 'wrong' | 'skipped';
  readonly reason?: string;
}

interface RustCase {
  readonly file: string;
  readonly name: string;
  readonly regex: string | readonly string[];
  readonly haystack?: string;
  readonly matches: readonly unknown[];
  readonly full?: boolean;
  readonly anchored?: boolean;
  readonly unicode?: boolean;
  readonly 'case-insensitive'?: boolean;
  readonly 'line-terminator'?: string;
  readonly bounds?: unknown;
  readonly compiles?: boolean;
}

interface SearchCase {
  readonly regex: string;
  readonly strings: readonly string[];
  readonly full: string;
  readonly found: string;
}

interface ExhaustiveCase {
  readonly set: string;
  readonly strings: readonly string[];
  readonly cases: readonly (readonly [string, string])[];
}

interface PatternCase {
  readonly regex: string;
  readonly n: number;
}

type Row = RustCase | SearchCase | ExhaustiveCase | PatternCase;

function attempt(id: string, run: () => string | undefined): Outcome {
  try {
    const problem = run();
    return problem === undefined ? { id, status: 'agree' } : { id, status: 'wrong', reason: problem };
  } catch (error) {
    if (error instanceof InfcError) return { id, status: 'refused', reason: error.message.slice(0, 160) };
    return { id, status: 'wrong', reason: String(error).slice(0, 160) };
  }
}

/** Why a case of the Rust suite is outside of what whole-string languages over characters can say. */
function rustSkip(test: RustCase): string | undefined {
  if (test.haystack === undefined) return 'haystack is not UTF-8';
  if (test.bounds !== undefined) return 'search within bounds';
  if (test['line-terminator'] !== undefined) return 'line terminator option';
  if (test.file === 'regex-lite') return 'the ASCII-only rules of another crate';
  if (test.compiles === false) return 'expects a compile error of the Rust crate';
  const patterns = [test.regex].flat().join('|');
  if (/\(\?[a-zA-Z]*[Rx]/.test(patterns)) return 'flag R or x';
  if (/\[[^\]]*(?:&&|--|~~|\[(?!:))/.test(patterns)) return 'class operators of the Rust crate';
  const bytes = test.unicode === false || /\(\?-u|\\x[89a-fA-F]|\(\?[a-z]*-[a-z]*u/.test(patterns);
  if (bytes && /[^\0-\x7f]/.test(test.haystack)) return 'matches bytes, not characters';
  return undefined;
}

function runRust(test: RustCase): Outcome {
  const id = `rust/${test.file}/${test.name}`;
  const skip = rustSkip(test);
  if (skip !== undefined) return { id, status: 'skipped', reason: skip };
  return attempt(id, () => {
    const engine = createRegexEngine();
    const text = test.haystack ?? '';
    const flags = (test.unicode === false ? '' : 'u') + (test['case-insensitive'] ? 'i' : '');
    const patterns = [test.regex].flat();
    const search = engine.union(
      ...patterns.map((source) => engine.search(test.anchored ? `\\A(?:${source})` : source, flags, 'perl')),
    );
    const found = engine.matches(search, text);
    if (found !== test.matches.length > 0) return `search says ${found}`;
    if (test.full === undefined) return undefined;
    const whole = engine.union(...patterns.map((source) => engine.parse(source, flags, 'perl')));
    return engine.matches(whole, text) === test.full ? undefined : `full match says ${!test.full}`;
  });
}

function runStrings(
  id: string,
  source: string,
  strings: readonly string[],
  expected: { full: string; found?: string },
): Outcome {
  return attempt(id, () => {
    const engine = createRegexEngine();
    const compare = (lang: Lang, bits: string, how: string): string | undefined => {
      const wrong = strings.findIndex((text, i) => engine.matches(lang, text) !== (bits[i] === '1'));
      return wrong < 0 ? undefined : `${how} on ${JSON.stringify(strings[wrong])} should be ${bits[wrong]}`;
    };
    const full = compare(engine.parse(source, '', 're2'), expected.full, 'full match');
    if (full !== undefined || expected.found === undefined) return full;
    return compare(engine.search(source, '', 're2'), expected.found, 'search');
  });
}

/** Real patterns have no recorded results: compares with RegExp on members, near-members and fixed texts. */
function runPattern({ regex: source }: PatternCase): Outcome {
  const id = `maskbench/${source}`;
  let reference: RegExp;
  let flags = 'u';
  try {
    reference = new RegExp(source, flags);
  } catch {
    try {
      flags = '';
      reference = new RegExp(source, flags);
    } catch {
      const engine = createRegexEngine();
      const outcome = attempt(id, () => `RegExp refuses it, the engine takes it as ${engine.search(source)}`);
      return outcome.status === 'refused' ? { id, status: 'agree' } : outcome;
    }
  }
  return attempt(id, () => {
    const engine = createRegexEngine();
    const lang = engine.search(source, flags);
    const texts = ['', 'a', '0', 'A1', 'foo', 'x-y', ...samples(engine, lang)];
    const wrong = texts.find((text) => engine.matches(lang, text) !== reference.test(text));
    return wrong === undefined ? undefined : `on ${JSON.stringify(wrong)} RegExp says ${reference.test(wrong)}`;
  });
}

/** Texts near the border of a language: walks that mostly stay inside, cut short or with one character changed. */
function samples(engine: RegexEngine, lang: Lang): string[] {
  let seed = 12345;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return (seed >> 8) % below;
  };
  const texts: string[] = [];
  for (let round = 0; round < 12; round++) {
    let state = lang;
    let text = '';
    for (let length = 0; length < 40; length++) {
      if (engine.nullable(state) && random(4) === 0) break;
      const { representatives } = engine.classes(state);
      const choices: number[] = [];
      for (let cls = 1; cls < representatives.length; cls++)
        if (!engine.isEmpty(engine.deriveClass(state, cls))) choices.push(cls);
      const cls = choices[random(choices.length || 1)];
      if (cls === undefined) break;
      text += String.fromCodePoint(representatives[cls] ?? 0);
      state = engine.deriveClass(state, cls);
    }
    texts.push(text, text.slice(0, -1), `${text}x`, text.replace(/^./s, 'Q'));
  }
  return texts.filter((text) => !/[\ud800-\udfff]/.test(text));
}

function* run(rows: readonly Row[], name: string): Generator<Outcome> {
  for (const row of rows) {
    if ('matches' in row) yield runRust(row);
    else if ('cases' in row) {
      for (const [source, bits] of row.cases)
        yield runStrings(`${name}/${row.set}/${source}`, source, row.strings, { full: bits });
    } else if ('strings' in row) yield runStrings(`${name}/${row.regex}`, row.regex, row.strings, row);
    else yield runPattern(row);
  }
}

/** Runs every file and reports `{patterns, agree, refused, wrong, skipped, list}`; `list` has all but the agreeing cases. */
function conformanceRegex({ positionals, json }: Arguments): number {
  const total = { patterns: 0, agree: 0, refused: 0, wrong: 0, skipped: 0 };
  const list: Outcome[] = [];
  for (const file of someCaseFiles(positionals)) {
    const rows: Row[] = gunzipSync(readFileSync(file))
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line): Row => JSON.parse(line));
    const counts = { agree: 0, refused: 0, wrong: 0, skipped: 0 };
    const started = performance.now();
    const name = file.replace(/^.*\//, '').replace(/-dev\.jsonl\.gz$/, '');
    for (const outcome of run(rows, name)) {
      total.patterns++;
      counts[outcome.status]++;
      total[outcome.status]++;
      if (outcome.status !== 'agree') list.push(outcome);
    }
    console.log(name, JSON.stringify(counts), `${Math.round(performance.now() - started)} ms`);
  }
  for (const { id, reason } of list.filter((outcome) => outcome.status === 'wrong').slice(0, 50))
    console.log(`wrong ${id}: ${reason}`);
  console.log(JSON.stringify(total));
  if (json !== undefined) writeFileSync(json, JSON.stringify({ ...total, list }, null, 1));
  return total.wrong === 0 ? 0 : 1;
}

process.exitCode = conformanceRegex(readArguments('conformance:regex -- PATH... [--json FILE]', ['json'], []));
