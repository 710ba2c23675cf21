import { InfcError } from '../../runtime/errors.ts';
import { type ConstrainOptions, type Constraint, openConstraint } from '../constrain.ts';
import type { Infer } from '../infer.ts';
import type { JsonSession } from '../json/session.ts';
import type { Acceptor } from '../matching/acceptor.ts';
import type { Composite } from '../matching/composite.ts';
import { LimitedMasks } from '../matching/limited.ts';
import { type LogitsProcessor, logitsProcessor } from '../matching/logits-processor.ts';
import { Machines } from '../matching/machines.ts';
import { Matcher, type MatcherOptions } from '../matching/matcher.ts';
import { AcceptorMasks, type TokenMachine } from '../matching/token-machine.ts';
import { type Choices, checkArgument, checkOptions } from '../options.ts';
import type { Vocabulary } from '../vocabulary.ts';
import { hermes } from './formats/hermes.ts';
import type { Tags, ToolFormat } from './tool-format.ts';
import { PartialTurn, type Turn, type TurnOutput, type TurnSyntax } from './turn.ts';
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
  /** The model's syntax, one of `infc/grammars/tools` or your own; default `hermes`. */
  readonly format?: ToolFormat;
  /** Whether one turn may hold several calls (default), where the syntax has it. */
  readonly parallel?: boolean;
  /** Text may come before calls and instead of them (default, but for `required` and a named tool: no text). */
  readonly text?: boolean;
  /** Reasoning before everything else: `required`, `optional`, or `open` when the prompt has opened it already. */
  readonly reasoning?: {
    readonly begin?: string;
    readonly end?: string;
    readonly mode?: 'required' | 'optional' | 'open';
    /** Tokens that it may take, tags included: it then ends in time. */
    readonly maxTokens?: number;
  };
  /** The final object (or other text) of a turn: what `constrain`, `regex` or `grammar` give. */
  readonly output?: TurnOutput<O> & { readonly acceptor: Acceptor };
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
  reasoning: 'object',
  output: 'object',
  turn: ['either', 'both'],
  json: 'object',
};
const REASONING_CHOICES: Choices<NonNullable<ToolOptions['reasoning']>> = {
  begin: 'string',
  end: 'string',
  mode: ['required', 'optional', 'open'],
  maxTokens: 'number',
};

const THINK: Tags = { begin: '<think>', end: '</think>' };

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
  private readonly syntax: TurnSyntax<O>;
  private readonly inputs = new Map<string, Constraint>();
  private readonly machines = new Machines();
  private plain: Acceptor | undefined;

  constructor(
    definitions: Tools<S>,
    private readonly options: ToolOptions<O>,
  ) {
    checkOptions(options, TOOL_CHOICES);
    const format = options.format ?? hermes;
    this.format = checkFormat(format);
    const { choice, output } = options;
    // What a format has channels for may come unasked.
    const asked = options.reasoning ?? (format.reasoning && {});
    const reasoning = asked && { ...THINK, ...format.reasoning, mode: 'optional', ...asked };
    this.syntax = { format, reasoning, inputs: this.inputs, output };
    const named = typeof choice === 'object' ? choice?.tool : undefined;
    this.definitions = new Map(
      Object.entries<AnyTool>(definitions ?? {}).filter(
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
      throw new InfcError('INFC5402', 'a call is required but there is no tool', {
        fix: 'Give tools, or leave out choice',
      });
    checkOptions(options.reasoning ?? {}, REASONING_CHOICES);
    if (output && !output.acceptor)
      throw new InfcError('INFC5402', 'an output is a constraint', { fix: 'Write output: constrain(schema)' });
    if (output && options.turn === 'both' && format.separator === undefined)
      throw new InfcError('INFC5402', 'in this format nothing follows a call', { fix: "Leave out turn: 'both'" });
    this.open();
  }

  /** Opens what the tools take. */
  private open(): void {
    const { format } = this;
    let beside: JsonSession | undefined;
    for (const [name, tool] of this.definitions) {
      if ((format.middle !== '' && name.includes(format.middle)) || /["\\\n<>]|^$/.test(name))
        throw new InfcError('INFC5402', `'${name}' cannot be a tool's name in this format`, {
          node: name,
          fix: 'Use letters, digits, _ and -',
        });
      const { constraint, session } = argumentsOf(name, tool, this.options.json ?? {}, beside);
      if (format.arguments && format.arguments.acceptor(constraint.acceptor, bytesOf).start === 0)
        throw new InfcError('INFC5402', `'${name}' takes no arguments that this format can spell`, {
          node: name,
          fix: 'Describe an object',
        });
      beside ??= session;
      this.inputs.set(name, constraint);
    }
  }

  /** A matcher for one turn with a tokenizer's vocabulary. */
  matcher(vocabulary: Vocabulary, options: MatcherOptions = {}): Matcher {
    const size = Math.max(0, ...[...this.inputs.values()].map((input) => input.size));
    this.machines.renew(size, () => {
      this.plain = undefined;
      this.open();
    });
    return new Matcher(this.masks(vocabulary), options);
  }

  /** A logits processor in the style of transformers.js, for a batch of sequences that start empty. */
  asLogitsProcessor(vocabulary: Vocabulary, options: MatcherOptions = {}): LogitsProcessor {
    return logitsProcessor(() => this.matcher(vocabulary, options));
  }

  /** The automaton over a vocabulary: what matchers share. */
  masks(vocabulary: Vocabulary): TokenMachine {
    return this.machines.of(vocabulary, (pool) => {
      const graph = new TurnGraph(vocabulary.special);
      const acceptor = this.build(graph);
      const machine = new AcceptorMasks(acceptor, vocabulary, pool);
      const { reasoning } = this.syntax;
      if (reasoning?.maxTokens === undefined) return machine;
      const { maxTokens: tokens, mode, begin, end } = reasoning;
      const least = graph.symbols(mode === 'open' ? end : begin + end).length;
      if (!(Number.isInteger(tokens) && tokens >= least))
        throw new InfcError('INFC5405', `reasoning of ${tokens} tokens is not possible`, {
          fix: `Give a whole number, ${least} at least, which its tags may take`,
        });
      // A character that is not complete takes three bytes more.
      return new LimitedMasks(machine, { tokens, longest: least + 3, leaving: (state) => acceptor.leaving(state) });
    });
  }

  /** The turn as a byte acceptor, tags spelled out as text. */
  get acceptor(): Acceptor {
    this.plain ??= this.build(new TurnGraph(new Map()));
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
    const turn = this.partial();
    turn.push(text);
    return turn.end();
  }

  /** A reader of a turn that comes in pieces, calls with typed arguments included. */
  partial(): PartialTurn<S, O> {
    return new PartialTurn(this.syntax);
  }

  /** Runs the calls of a turn, in order. INFC5403 when a called tool has no `run`. */
  async run(turn: Turn<S, O>): Promise<readonly { readonly name: string; readonly result: unknown }[]> {
    checkArgument(Array.isArray(turn?.calls), 'the turn', 'what parse or partial gives');
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

  private build(graph: TurnGraph): Composite {
    const { options, format } = this;
    const { choice = 'auto', output, turn = 'either' } = options;
    const start = graph.junction();
    const head = graph.junction();
    this.addReasoning(graph, start, head);
    const final = output && this.answer(graph, graph.part(output.acceptor));
    const mayText = options.text ?? choice === 'auto';
    const calls = this.definitions.size > 0 ? this.addCalls(graph) : undefined;
    if (calls) {
      graph.link(head, calls);
      if (final && turn === 'both') graph.link(calls, graph.link(graph.breaks(), final));
      else graph.finish(calls);
    }
    const optional = choice === 'auto' || choice === 'none' || !calls;
    if (final && optional) graph.link(head, final);
    else if (mayText || choice === 'none') {
      const tag = format.answer ? format.answer.end : calls ? format.trigger : '';
      const words = graph.textWithout(tag, format.answer ? 'anywhere' : format.at);
      if (optional) graph.link(head, this.answer(graph, words));
      else if (!format.answer) graph.link(head, words);
      // Where calls count only at the beginning of a message no text can precede them.
      if (calls && !format.answer && format.at === 'anywhere') graph.link(words, calls);
    }
    if (calls && mayText && format.preamble)
      graph.link(
        graph.link(head, graph.between(format.preamble, graph.textWithout(format.preamble.end, 'anywhere'))),
        head,
      );
    const acceptor = graph.acceptor(start);
    if (acceptor.start === 0)
      throw new InfcError('INFC5010', 'the options leave no turn possible', { fix: 'Allow text, a tool or an output' });
    return acceptor;
  }

  /** What ends a turn, within its tags. The last one is an end token, which the text need not hold. */
  private answer(graph: TurnGraph, words: Span): Span {
    graph.finish(words);
    const { answer } = this.format;
    if (!answer) return words;
    const whole = graph.between(answer, words);
    graph.finish(whole);
    return whole;
  }

  private addReasoning(graph: TurnGraph, start: Span, head: Span): void {
    const { reasoning, format } = this.syntax;
    if (!reasoning || reasoning.mode === 'optional') graph.link(start, head);
    if (!reasoning) return;
    const first = graph.size;
    const thoughts = graph.textWithout(reasoning.end, 'anywhere');
    const opened = graph.link(graph.literal(reasoning.begin), thoughts);
    const closed = graph.link(thoughts, graph.literal(reasoning.end));
    graph.stretch(first);
    graph.link(start, reasoning.mode === 'open' ? thoughts : opened);
    // In a channel of their own there may be more of them.
    if (format.reasoning && reasoning.maxTokens === undefined) graph.link(head, opened);
    graph.link(format.reasoning ? closed : graph.link(closed, graph.breaks()), head);
  }

  private addCalls(graph: TurnGraph): Span {
    const { open, begin, middle, end, separator, close, arguments: spelled } = this.format;
    const first = graph.literal(open);
    const head = graph.literal(begin);
    const tail = graph.literal(end);
    graph.link(first, head);
    graph.choice(
      head,
      [...this.inputs].map(([name, input]) => {
        const { acceptor } = input;
        const given = graph.part(spelled ? spelled.acceptor(acceptor, (text) => graph.symbols(text)) : acceptor);
        // The end of the only call is an end token, which the text need not hold.
        if (separator === undefined) graph.finish(given);
        return { pieces: graph.pieces(name + middle), after: graph.link(given, tail) };
      }),
    );
    if (separator !== undefined && this.options.parallel !== false)
      graph.link(graph.link(tail, graph.literal(separator)), head);
    const last = graph.literal(close);
    graph.link(tail, last);
    return { first: first.first, last: last.last };
  }
}

const bytesOf = (text: string): number[] => [...new TextEncoder().encode(text)];

/** Throws INFC5401 for a format that its calls could not be told by. */
function checkFormat(format: ToolFormat): ToolFormat {
  const given: Partial<ToolFormat> = format;
  if (
    [given.open, given.begin, given.middle, given.end, given.close, given.trigger].some(
      (text) => typeof text !== 'string',
    )
  )
    throw new InfcError('INFC5401', `${JSON.stringify(given)} is no tool format`, {
      fix: "Import one: import { qwen3Coder } from 'infc/grammars/tools', or toolFormatOfTemplate and TOOL_FORMATS to look one up",
    });
  if (format.trigger === '' || !(format.open + format.begin).startsWith(format.trigger))
    throw new InfcError('INFC5401', 'a tool format needs a trigger that its calls begin with', {
      fix: 'Set trigger to the first characters of open + begin',
    });
  return format;
}

function argumentsOf(
  name: string,
  tool: AnyTool,
  json: ConstrainOptions,
  beside: JsonSession | undefined,
): ReturnType<typeof openConstraint> {
  try {
    return openConstraint(tool?.input, json, beside);
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
