import { InfcError } from '../../runtime/errors.ts';
import { type ConstrainOptions, Constraint } from '../constrain.ts';
import type { Infer } from '../infer.ts';
import type { Acceptor } from '../matching/acceptor.ts';
import { type LogitsProcessor, logitsProcessor } from '../matching/logits-processor.ts';
import { Matcher, type MatcherOptions } from '../matching/matcher.ts';
import { AcceptorMasks } from '../matching/token-machine.ts';
import { type Choices, checkOptions, sharedBy } from '../options.ts';
import type { Vocabulary } from '../vocabulary.ts';
import { type ToolFormat, type ToolFormatName, toolFormat } from './tool-formats.ts';
import { readTurn, type Turn } from './turn.ts';
import { type Span, TurnGraph } from './turn-graph.ts';

/** A tool that the model may call; `S` is the schema of its arguments. */
export interface Tool<S = unknown> {
  /** JSON Schema, or anything that speaks Standard JSON Schema, of the arguments. */
  readonly input: S;
  /** For the prompt; constrains nothing. */
  readonly description?: string;
  /** Called by {@link ToolSet.run} with the parsed arguments. */
  run?(input: Infer<S>): unknown;
}

/** A tool of which only the run time knows the arguments. */
interface AnyTool {
  readonly input: unknown;
  run?(input: never): unknown;
}

/** Tools by name, each with a schema of its own. */
export type Tools<S> = { readonly [K in keyof S]: Tool<S[K]> };

/** Options of {@link tools}; `O` is the type of the final object. */
export interface ToolOptions<O = unknown> {
  /** `auto` (default): text or calls; `required`: at least one call; `none`: no call; a tool's name: calls of that tool only, at least one. */
  readonly choice?: 'auto' | 'required' | 'none' | { readonly tool: string };
  /** The model's syntax; default `hermes`. See `toolFormatOfTemplate`. */
  readonly format?: ToolFormatName | ToolFormat;
  /** Whether one turn may hold several calls (default). */
  readonly parallel?: boolean;
  /** Text may come before calls and instead of them (default, but for `required` and a named tool: no text). */
  readonly text?: boolean;
  /** Reasoning before everything else: `required`, `optional`, or `open` when the prompt has opened it already. */
  readonly reasoning?: {
    readonly begin?: string;
    readonly end?: string;
    readonly mode?: 'required' | 'optional' | 'open';
  };
  /** The final object (or other text) of a turn: what `constrain`, `regex` or `grammar` give. */
  readonly output?: { readonly acceptor: Acceptor; parse(text: string): O };
  /** With `output`: a turn is `either` calls or the final object (default), or `both`, the object after the calls. */
  readonly turn?: 'either' | 'both';
  /** How the arguments are spelled. */
  readonly json?: ConstrainOptions;
}

const TOOL_CHOICES: Choices<ToolOptions> = {
  choice: undefined,
  format: undefined,
  parallel: [true, false],
  text: [true, false],
  reasoning: undefined,
  output: undefined,
  turn: ['either', 'both'],
  json: undefined,
};

const THINK = { begin: '<think>', end: '</think>' };

/**
 * Constrains one turn of a model that may reason, call tools and answer: reasoning text, then calls in the model's own syntax with
 * arguments that satisfy the tools' schemas, then the final object. Errors of a tool's schema name the tool (`place.node`).
 */
export function tools<const S, O = unknown>(definitions: Tools<S>, options: ToolOptions<O> = {}): ToolSet<S, O> {
  return new ToolSet(definitions, options);
}

/** The constraint that {@link tools} makes. */
export class ToolSet<S = unknown, O = unknown> {
  /** How the calls are written. */
  readonly format: ToolFormat;
  private readonly definitions: ReadonlyMap<string, AnyTool>;
  private readonly inputs = new Map<string, Constraint>();
  private readonly machines = new WeakMap<Vocabulary, AcceptorMasks>();
  private plain: Acceptor | undefined;

  constructor(
    definitions: Tools<S>,
    private readonly options: ToolOptions<O>,
  ) {
    checkOptions(options, TOOL_CHOICES);
    this.format = toolFormat(options.format ?? 'hermes');
    const { choice } = options;
    const named = typeof choice === 'object' ? choice.tool : undefined;
    this.definitions = new Map(
      Object.entries<AnyTool>(definitions).filter(
        ([name]) => choice !== 'none' && (named === undefined || name === named),
      ),
    );
    if (named === undefined && !['auto', 'required', 'none'].includes(String(choice ?? 'auto')))
      throw new InfcError('INFC5402', `there is no choice '${String(choice)}'`, {
        fix: "Use auto, required, none or { tool: 'NAME' }",
      });
    if (named !== undefined && this.definitions.size === 0)
      throw new InfcError('INFC5402', `there is no tool '${named}'`, {
        node: named,
        fix: 'Name one of the tools given',
      });
    if (choice === 'required' && this.definitions.size === 0)
      throw new InfcError('INFC5402', 'a call is required but there is no tool');
    for (const [name, tool] of this.definitions) {
      if (name.includes(this.format.middle) || /["\\\n]/.test(name))
        throw new InfcError('INFC5402', `'${name}' cannot be a tool's name in this format`, { node: name });
      const [beside] = this.inputs.values();
      this.inputs.set(name, argumentsOf(name, tool, options.json ?? {}, beside));
    }
  }

  /** A matcher for one turn with a tokenizer's vocabulary. */
  matcher(vocabulary: Vocabulary, options: MatcherOptions = {}): Matcher {
    return new Matcher(this.masks(vocabulary), options);
  }

  /** A logits processor in the style of transformers.js, for a batch of sequences that start empty. */
  asLogitsProcessor(vocabulary: Vocabulary, options: MatcherOptions = {}): LogitsProcessor {
    return logitsProcessor(() => this.matcher(vocabulary, options));
  }

  /** The automaton over a vocabulary: what matchers share. */
  masks(vocabulary: Vocabulary): AcceptorMasks {
    return sharedBy(this.machines, vocabulary, () => new AcceptorMasks(this.build(vocabulary.special), vocabulary));
  }

  /** The turn as a byte acceptor, tags spelled out as text. */
  get acceptor(): Acceptor {
    this.plain ??= this.build(new Map());
    return this.plain;
  }

  /** Whether a whole text is a turn, tags spelled out. */
  accepts(text: string): boolean {
    const { acceptor } = this;
    let state = acceptor.start;
    for (const byte of new TextEncoder().encode(text)) state = acceptor.step(state, byte);
    return state !== 0 && acceptor.accepts(state);
  }

  /**
   * Reads a finished turn, special tokens spelled out in the text. Arguments and final object are parsed as {@link Constraint.parse} does.
   * INFC5404 for a text that is no turn.
   */
  parse(text: string): Turn<S, O> {
    const { reasoning, output } = this.options;
    const turn = readTurn(text, {
      format: this.format,
      reasoning: reasoning && { ...THINK, mode: 'optional', ...reasoning },
      inputs: new Map([...this.inputs].map(([name, input]) => [name, (text: string) => input.parse(text)])),
      output: output && ((text: string) => output.parse(text)),
    });
    // The constraint has checked arguments and object against the schemas that S and O stand for.
    return turn as Turn<S, O>;
  }

  /** Runs the calls of a turn, in order. INFC5403 when a called tool has no `run`. */
  async run(turn: Turn<S, O>): Promise<readonly { readonly name: string; readonly result: unknown }[]> {
    const results: { name: string; result: unknown }[] = [];
    for (const { name, input } of turn.calls) {
      const tool = this.definitions.get(name);
      const run: unknown = tool?.run;
      if (typeof run !== 'function')
        throw new InfcError('INFC5403', `tool '${name}' has nothing to run`, {
          node: name,
          fix: 'Give the tool a run function',
        });
      results.push({ name, result: await Reflect.apply(run, tool, [input]) });
    }
    return results;
  }

  private build(special: ReadonlyMap<string, number>): Acceptor {
    const graph = new TurnGraph(special);
    const { choice = 'auto', output, turn = 'either' } = this.options;
    const start = graph.junction();
    const answer = graph.junction();
    this.addReasoning(graph, start, answer);
    const final = output && graph.part(output.acceptor);
    if (final) graph.finish(final);
    const mayText = this.options.text ?? choice === 'auto';
    const calls = this.definitions.size > 0 ? this.addCalls(graph) : undefined;
    const text =
      mayText || choice === 'none' ? graph.textWithout(calls ? [this.format.trigger] : [], this.format.at) : undefined;
    if (calls) {
      graph.link(answer, calls);
      // Where calls count only at the beginning of a message no text can precede them.
      if (text && this.format.at === 'anywhere') graph.link(text, calls);
      if (final && turn === 'both') graph.link(calls, this.before(graph, final));
      else graph.finish(calls);
    }
    const optional = choice === 'auto' || choice === 'none' || !calls;
    if (final && optional) {
      graph.link(answer, final);
    } else if (text && optional) {
      graph.link(answer, text);
      graph.finish(text);
    } else if (text) graph.link(answer, text);
    const acceptor = graph.acceptor(start);
    if (acceptor.start === 0)
      throw new InfcError('INFC5010', 'the options leave no turn possible', { fix: 'Allow text, a tool or an output' });
    return acceptor;
  }

  /** White space between calls and the final object. */
  private before(graph: TurnGraph, final: Span): Span {
    return graph.link(graph.language(graph.engine.parse('\\n{0,2}')), final);
  }

  private addReasoning(graph: TurnGraph, start: Span, answer: Span): void {
    const { reasoning } = this.options;
    if (!reasoning) {
      graph.link(start, answer);
      return;
    }
    const { begin, end, mode = 'optional' } = { ...THINK, ...reasoning };
    let thoughts = graph.textWithout([end], 'anywhere');
    if (mode !== 'open') thoughts = graph.link(graph.literal(begin), thoughts);
    const closed = graph.link(graph.link(thoughts, graph.literal(end)), graph.language(graph.engine.parse('\\n{0,2}')));
    graph.link(start, closed);
    graph.link(closed, answer);
    if (mode === 'optional') graph.link(start, answer);
  }

  private addCalls(graph: TurnGraph): Span {
    const { open, begin, middle, end, separator, close } = this.format;
    const first = graph.literal(open);
    const head = graph.literal(begin);
    const tail = graph.literal(end);
    graph.link(first, head);
    graph.choice(
      head,
      [...this.inputs].map(([name, input]) => ({
        pieces: graph.pieces(name + middle),
        after: graph.link(graph.part(input.acceptor), tail),
      })),
    );
    if (this.options.parallel !== false) graph.link(graph.link(tail, graph.literal(separator)), head);
    const last = graph.literal(close);
    graph.link(tail, last);
    return { first: first.first, last: last.last };
  }
}

function argumentsOf(name: string, tool: AnyTool, json: ConstrainOptions, beside: Constraint | undefined): Constraint {
  try {
    return Constraint.open(tool.input, json, beside);
  } catch (error) {
    if (!(error instanceof InfcError)) throw error;
    // Alone it may do, and else it names its own place.
    if (beside) return argumentsOf(name, tool, json, undefined);
    throw new InfcError(error.code, `tool '${name}': ${error.reason}`, {
      ...error.place,
      node: name,
      cause: error,
      ...(error.fix === undefined ? {} : { fix: error.fix }),
    });
  }
}
