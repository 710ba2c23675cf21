import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ConstrainOptions } from '../../grammars/constrain.ts';
import type { IgnoredKeyword, SchemaReport } from '../../grammars/json/schema/audit.ts';
import type { Acceptor } from '../../grammars/matching/acceptor.ts';
import type { TokenMachine } from '../../grammars/matching/token-machine.ts';
import type { Vocabulary } from '../../grammars/vocabulary.ts';
import { InfcError } from '../../runtime/errors.ts';
import { exitCodes, nearest } from '../diagnostics.ts';
import type { Args } from './args.ts';
import { readSchema, readTextConstraint } from './constraint-file.ts';
import type { Io } from './io.ts';
import { countOf, formatBytes, formatCount, table } from './table.ts';

/** A constraint as the commands need it. */
interface Source {
  readonly kind: string;
  readonly acceptor: Acceptor;
  masks(vocabulary: Vocabulary): TokenMachine;
}

const ACTIONS = ['check', 'compile', 'explain'];

/** Options that one of the actions takes alone. */
const OWN = { output: 'compile', states: 'compile', complete: 'compile', text: 'explain' };

/** `infc constrain check|compile|explain SCHEMA`: what a constraint can do, ahead of any model. */
async function runConstrain(args: Args, io: Io): Promise<number> {
  const [action, file, extra] = args.positionals;
  if (action === undefined || !ACTIONS.includes(action)) {
    const near = action === undefined ? undefined : nearest(action, ACTIONS);
    throw new InfcError('INFC8003', action === undefined ? 'nothing to do' : `unknown action '${action}'`, {
      fix: near ? `Did you mean '${near}'?` : 'Give check, compile or explain',
    });
  }
  if (file === undefined)
    throw new InfcError('INFC8003', 'which constraint?', {
      fix: `Write infc constrain ${action} FILE, a .json schema or a .gbnf, .ebnf, .lark or .regex file`,
    });
  if (extra !== undefined)
    throw new InfcError('INFC8003', `unexpected argument '${extra}'`, { fix: 'See infc constrain --help' });
  for (const [option, owner] of Object.entries(OWN))
    if (owner !== action && args.flag(option))
      throw new InfcError('INFC8003', `infc constrain ${action} takes no --${option}`, {
        fix: `Leave it out: it is for infc constrain ${owner}`,
      });
  if (action === 'check') return check(file, args, io);
  return action === 'compile' ? compile(file, args, io) : explain(file, args, io);
}

async function check(file: string, args: Args, io: Io): Promise<number> {
  if (path.extname(file) !== '.json') {
    const { kind, acceptor } = await open(file, io);
    const shortest = acceptor.shortest(acceptor.start);
    const tokens = await firstMask(file, args, io);
    if (io.json)
      io.out(JSON.stringify({ kind, exact: true, satisfiable: true, unsupported: [], shortest, ...tokens }, null, 2));
    else {
      io.out(`${file}: ${kind}, honoured exactly; the shortest text takes ${countOf(shortest, 'byte')}.`);
      sayTokens(tokens, io);
    }
    return exitCodes.ok;
  }
  const { constrain } = await import('../../grammars/constrain.ts');
  const { SCHEMA_KEYWORDS } = await import('../../grammars/json/schema/audit.ts');
  const { FORMAT_NAMES } = await import('../../grammars/formats/index.ts');
  const report = constrain.check(await readSchema(file, io));
  const good = report.exact && report.satisfiable;
  const tokens = good ? await firstMask(file, args, io) : undefined;
  if (io.json) {
    io.out(JSON.stringify({ kind: 'JSON Schema', ...report, ...tokens }, null, 2));
    return good ? exitCodes.ok : exitCodes.badInput;
  }
  const { style } = io;
  if (report.unsupported.length > 0) {
    io.out(
      table(
        [{ title: 'where' }, { title: 'code' }, { title: 'why', max: 100 }],
        report.unsupported.map((problem) => [problem.pointer || '(all)', problem.code, problem.reason]),
        style,
      ),
    );
    for (const hint of new Set(report.unsupported.map((problem) => problem.hint)))
      if (hint !== '') io.out(`fix: ${hint}`);
    io.out('');
  }
  for (const [what, [first, ...more]] of ignoredAlike(report)) {
    const { keyword = '', format, pointer = '' } = first ?? {};
    const meant = format === undefined ? nearest(keyword, SCHEMA_KEYWORDS) : nearest(format, FORMAT_NAMES);
    const others = more.length === 0 ? '' : ` and ${countOf(more.length, 'other place')}`;
    const each = more.length === 0 ? 'it constrains' : 'they constrain';
    io.out(style.yellow(`${pointer}${others}: ${what}; ${each} nothing.${meant ? ` Did you mean '${meant}'?` : ''}`));
  }
  const size = Number.isFinite(report.shortest)
    ? `; the shortest document takes ${countOf(report.shortest, 'byte')}`
    : '';
  io.out(
    good
      ? `${file}: every keyword is honoured exactly${size}.`
      : style.red(
          report.satisfiable
            ? `${file}: not every keyword can be honoured.`
            : `${file}: no value satisfies the schema.`,
        ),
  );
  sayTokens(tokens, io);
  return good ? exitCodes.ok : exitCodes.badInput;
}

/** The ignored keywords and formats, those alike together: a schema may say `markdownDescription` a hundred times. */
function ignoredAlike({ ignored }: SchemaReport): Map<string, IgnoredKeyword[]> {
  const alike = new Map<string, IgnoredKeyword[]>();
  for (const one of ignored) {
    const { keyword, format } = one;
    const what = format === undefined ? `no draft has a keyword '${keyword}'` : `no draft has a format '${format}'`;
    alike.set(what, [...(alike.get(what) ?? []), one]);
  }
  return alike;
}

/** What `--vocab` adds to a check. */
async function firstMask(
  file: string,
  args: Args,
  io: Io,
): Promise<{ readonly firstTokens: number; readonly minTokens: number } | undefined> {
  if (args.value('vocab') === undefined) return undefined;
  const vocabulary = await readVocabulary(args, io);
  const { Matcher } = await import('../../grammars/matching/matcher.ts');
  const machine = (await open(file, io)).masks(vocabulary);
  const matcher = new Matcher(machine);
  return { firstTokens: machine.pool.population(matcher.maskId()), minTokens: matcher.minTokensToEnd() };
}

function sayTokens(tokens: Awaited<ReturnType<typeof firstMask>>, io: Io): void {
  if (!tokens) return;
  const { firstTokens, minTokens } = tokens;
  io.out(
    `${countOf(firstTokens, 'token')} may come first; the shortest text takes ${countOf(minTokens, 'token')}, the end included.`,
  );
}

async function compile(file: string, args: Args, io: Io): Promise<number> {
  const vocabulary = await readVocabulary(args, io);
  const output = args.value('output') ?? `${file.replace(/\.[^./]+$/, '')}.infg`;
  const limit = args.value('states');
  const maxStates = limit === undefined ? undefined : Number(limit);
  if (maxStates !== undefined && !(Number.isInteger(maxStates) && maxStates > 0))
    throw new InfcError('INFC8003', `--states '${limit}' is not a count`, { fix: 'Give a positive integer' });
  const { compileConstraintInTurns } = await import('../../grammars/artifact/artifact.ts');
  await refuseInexact(file, io);
  // Names that are not listed may repeat: an object that is open to any name would have no end of states.
  const { masks } = await open(file, io, { repeats: 'unlisted' });
  const machine = masks(vocabulary);
  // What the vocabulary cannot even begin is refused (INFC5017).
  const { Matcher } = await import('../../grammars/matching/matcher.ts');
  new Matcher(machine).maskId();
  const { bytes, report } = await compileConstraintInTurns(machine, {
    complete: args.flag('complete'),
    ...(maxStates === undefined ? {} : { maxStates }),
    signal: io.signal,
    onProgress: ({ phase, done, total }) => io.progress(`${phase}: ${formatCount(done)} of ${formatCount(total)}`),
  });
  io.progress('');
  await writeWhole(path.resolve(io.cwd, output), bytes);
  const { style } = io;
  if (io.json) io.out(JSON.stringify({ output, bytes: bytes.length, vocabulary: vocabulary.hash, ...report }, null, 2));
  else {
    io.out(
      `${output}: ${formatCount(report.states)} states, ${formatCount(report.masks)} masks, ${formatBytes(bytes.length)}.`,
    );
    if (!report.complete)
      io.out(
        style.yellow(
          'Some texts leave these states (INFC5504): open it with { fallback: () => constraint.masks(vocabulary) }, or see what --complete says.',
        ),
      );
  }
  return exitCodes.ok;
}

/** Writes a file that is there whole or, when that fails or is interrupted, not at all. */
async function writeWhole(file: string, bytes: Uint8Array): Promise<void> {
  const staging = `${file}.partial-${process.pid}`;
  await mkdir(path.dirname(file), { recursive: true });
  try {
    await writeFile(staging, bytes);
    await rename(staging, file);
  } finally {
    await rm(staging, { force: true });
  }
}

/** A state that an unsupported keyword needs may lie beyond those that are built: the whole schema is looked at first. */
async function refuseInexact(file: string, io: Io): Promise<void> {
  if (path.extname(file) !== '.json') return;
  const { constrain } = await import('../../grammars/constrain.ts');
  const [problem] = constrain.check(await readSchema(file, io)).unsupported;
  if (!problem) return;
  const { code, reason, pointer, keyword, hint } = problem;
  throw new InfcError(code, reason, { file, pointer, keyword, ...(hint === '' ? {} : { fix: hint }) });
}

async function explain(file: string, args: Args, io: Io): Promise<number> {
  const text = args.value('text');
  if (text === undefined) throw new InfcError('INFC8003', 'no text to explain', { fix: 'Give --text TEXT' });
  const { followBytes, followTokens } = await import('./explain-text.ts');
  const { acceptor, masks } = await open(file, io);
  if (args.value('vocab') === undefined) return followBytes(acceptor, text, io);
  return followTokens(masks(await readVocabulary(args, io)), text, io);
}

async function open(file: string, io: Io, options: ConstrainOptions = {}): Promise<Source> {
  if (path.extname(file) === '.json') {
    const { constrain } = await import('../../grammars/constrain.ts');
    const constraint = constrain(await readSchema(file, io), options);
    return { kind: 'JSON Schema', acceptor: constraint.acceptor, masks: (vocabulary) => constraint.masks(vocabulary) };
  }
  const { kind, constraint } = await readTextConstraint(file, io);
  return { kind, acceptor: constraint.acceptor, masks: (vocabulary) => constraint.masks(vocabulary) };
}

async function readVocabulary(args: Args, io: Io): Promise<Vocabulary> {
  const file = args.value('vocab');
  if (file === undefined)
    throw new InfcError('INFC8003', 'which vocabulary?', { fix: 'Give --vocab tokenizer.json (or a .tiktoken file)' });
  const { vocabularyFromTiktoken, vocabularyFromTokenizerJson } = await import('../../grammars/tokenizer/index.ts');
  const text = await readFile(path.resolve(io.cwd, file), 'utf8');
  const eos = args.list('eos');
  const options = eos.length > 0 ? { eos } : {};
  try {
    const vocabulary = file.endsWith('.tiktoken')
      ? vocabularyFromTiktoken(text, options)
      : vocabularyFromTokenizerJson(text, options);
    // These files do not say which token it is.
    if (vocabulary.eos.length === 0)
      io.err(
        `${io.style.yellow('warning')} ${file} has no usual end token, so that nothing ends a text; give --eos TOKEN`,
      );
    return vocabulary;
  } catch (error) {
    if (!(error instanceof InfcError)) throw error;
    throw new InfcError(error.code, error.reason, {
      ...error.place,
      file,
      fix: error.fix ?? "Give a model's own tokenizer.json (Hugging Face) or .tiktoken file",
      cause: error,
    });
  }
}

export { runConstrain as run };
