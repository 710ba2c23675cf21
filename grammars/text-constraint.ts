import { InfcError } from '../runtime/errors.ts';
import { type CancelSignal, cancellable, refuseCancelled } from './cancel.ts';
import type { Grammar } from './cfg/grammar.ts';
import { grammarAcceptor } from './cfg/grammar-acceptor.ts';
import type { LarkOptions } from './frontends/lark.ts';
import type { Acceptor } from './matching/acceptor.ts';
import { type LogitsProcessor, logitsProcessor } from './matching/logits-processor.ts';
import { Matcher, type MatcherOptions } from './matching/matcher.ts';
import { AcceptorMasks } from './matching/token-machine.ts';
import { type Choices, checkOptions, sharedBy } from './options.ts';
import { overflowed } from './overflow.ts';
import { regexAcceptor } from './regex/acceptor.ts';
import { createRegexEngine, type Dialect, type RegexEngine } from './regex/index.ts';
import type { Vocabulary } from './vocabulary.ts';

/** A constraint on plain text: {@link regex}, {@link choice} and {@link grammar} make them; `T` is the type of the texts. */
export class TextConstraint<T extends string = string> {
  readonly acceptor: Acceptor;
  private readonly machines = new WeakMap<Vocabulary, AcceptorMasks>();

  constructor(acceptor: Acceptor) {
    this.acceptor = acceptor;
  }

  /** A matcher for one generation with a tokenizer's vocabulary. */
  matcher(vocabulary: Vocabulary, options: MatcherOptions = {}): Matcher {
    return new Matcher(this.masks(vocabulary), options);
  }

  /** The constraint's automaton over a vocabulary: what matchers share. */
  masks(vocabulary: Vocabulary): AcceptorMasks {
    return sharedBy(this.machines, vocabulary, () => new AcceptorMasks(this.acceptor, vocabulary));
  }

  /** A logits processor in the style of transformers.js, for a batch of sequences that start empty. */
  asLogitsProcessor(vocabulary: Vocabulary, options: MatcherOptions = {}): LogitsProcessor {
    return logitsProcessor(() => this.matcher(vocabulary, options));
  }

  /** Whether a whole text satisfies the constraint. */
  accepts(text: string): boolean {
    const { acceptor } = this;
    let state = acceptor.start;
    for (const byte of new TextEncoder().encode(text)) state = acceptor.step(state, byte);
    return state !== 0 && acceptor.accepts(state);
  }

  /** The value of a finished text: the text itself. */
  parse(text: string): T {
    // A text that the constraint has let through.
    return text as T;
  }
}

/** Options of {@link regex}. */
export interface RegexOptions {
  /** Flags of a pattern given as text. */
  readonly flags?: string;
  /** Whose syntax a pattern given as text is in; default ECMA-262. */
  readonly dialect?: Dialect;
  /** `full` (default): the whole text matches. `search`: a match is somewhere in it, as `RegExp.prototype.test` has it. */
  readonly match?: 'full' | 'search';
  /** States that one decision may visit (default 20,000) before it fails with INFC5105. */
  readonly budget?: number;
  /** Stops the work when it turns `aborted`, here and in every matcher (INFC5023). */
  readonly signal?: CancelSignal;
}

const REGEX_CHOICES: Choices<RegexOptions> = {
  flags: undefined,
  dialect: ['ecma', 'perl', 're2'],
  match: ['full', 'search'],
  budget: 'number',
  signal: 'object',
};

/**
 * Constrains text to a regular expression: look-around and `\b` are exact, back-references are an error (INFC5102).
 * Throws INFC5010 when nothing matches.
 */
export function regex(pattern: RegExp | string, options: RegexOptions = {}): TextConstraint {
  checkOptions(options, REGEX_CHOICES);
  if (typeof pattern !== 'string' && typeof pattern?.source !== 'string')
    throw new InfcError('INFC5101', 'a pattern is a RegExp or a text', { fix: 'Write regex(/a+/) or regex("a+")' });
  const engine = engineOf(options);
  const source = typeof pattern === 'string' ? pattern : pattern.source;
  const flags = typeof pattern === 'string' ? (options.flags ?? 'u') : pattern.flags;
  const lang = engine[options.match === 'search' ? 'search' : 'parse'](source, flags, options.dialect);
  return checked(cancellable(regexAcceptor(engine, lang), options.signal), `no text matches /${source}/${flags}`);
}

/**
 * Constrains text to one of a list, letter by letter: `choice(['yes', 'no'])`, whose value is `'yes' | 'no'`. For a JSON string use
 * `constrain({ enum: ['yes', 'no'] })`. Throws INFC5031 when the list is empty or holds anything but texts.
 */
export function choice<const T extends string>(texts: readonly T[]): TextConstraint<T> {
  if (!Array.isArray(texts) || texts.length === 0 || texts.some((text) => typeof text !== 'string'))
    throw new InfcError('INFC5031', 'a choice is a list of texts, one at least', {
      fix: "Write choice(['yes', 'no'])",
    });
  const engine = createRegexEngine();
  return new TextConstraint<T>(regexAcceptor(engine, engine.words(texts)));
}

/** An engine that keeps to a budget and stops when cancelled. */
function engineOf({ budget, signal }: Pick<RegexOptions, 'budget' | 'signal'>): RegexEngine {
  refuseCancelled(signal);
  return createRegexEngine({
    ...(budget === undefined ? {} : { budget }),
    ...(signal === undefined ? {} : { work: () => refuseCancelled(signal) }),
  });
}

/** A grammar as text, in one of three notations, or as rules. */
export type GrammarInput =
  | { readonly gbnf: string; readonly start?: string }
  | { readonly ebnf: string; readonly start?: string }
  | ({ readonly lark: string } & LarkOptions)
  | { readonly rules: Grammar };

const GRAMMAR_CHOICES: Choices<LarkOptions & Record<'gbnf' | 'ebnf' | 'lark' | 'rules', unknown>> = {
  gbnf: 'string',
  ebnf: 'string',
  lark: 'string',
  rules: 'object',
  start: 'string',
  resolve: undefined,
  json: undefined,
};

/** Constrains text to a context-free grammar. The parser of the notation is loaded when first needed. */
export async function grammar(
  input: GrammarInput,
  options: Pick<RegexOptions, 'budget' | 'signal'> = {},
): Promise<TextConstraint> {
  checkOptions(options, REGEX_CHOICES);
  const { gbnf, ebnf, lark, rules }: Readonly<Record<string, unknown>> & { readonly rules?: Partial<Grammar> } = {
    ...input,
  };
  const texts = [gbnf, ebnf, lark].filter((text) => typeof text === 'string');
  if (texts.length !== 1 && !(rules?.rules instanceof Map))
    throw new InfcError('INFC5306', 'a grammar is one of { gbnf }, { ebnf } or { lark } with its text, or { rules }', {
      fix: 'Write grammar({ gbnf: text })',
    });
  checkOptions<object>(input, GRAMMAR_CHOICES);
  try {
    const parsed = await parse(input);
    const engine = engineOf(options);
    return checked(
      cancellable(grammarAcceptor(engine, parsed), options.signal),
      `no text derives from '${parsed.start}'`,
    );
  } catch (error) {
    // Parsers and rules recurse; what nests beyond the stack is the input's fault.
    if (!overflowed(error)) throw error;
    throw new InfcError('INFC5304', 'the grammar nests too deeply', {
      cause: error,
      fix: 'Write it with fewer levels',
    });
  }
}

async function parse(input: GrammarInput): Promise<Grammar> {
  if ('rules' in input) return input.rules;
  const { parseEbnf, parseGbnf, parseLark } = await import('./frontends/notations.ts');
  if ('gbnf' in input) return parseGbnf(input.gbnf, input.start);
  return 'ebnf' in input ? parseEbnf(input.ebnf, input.start) : parseLark(input.lark, input);
}

function checked(acceptor: Acceptor, reason: string): TextConstraint {
  if (acceptor.start === 0) throw new InfcError('INFC5010', reason, { fix: 'Remove the contradiction' });
  // A first step shows nesting beyond the stack here rather than in the middle of a generation.
  acceptor.step(acceptor.start, 0x20);
  return new TextConstraint(acceptor);
}
