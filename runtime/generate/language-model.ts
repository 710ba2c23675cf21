import { InfcError } from '../errors.ts';
import type { PlanGeneration } from '../plan.ts';
import type { Model } from '../session.ts';
import type {
  LanguageModel as Api,
  TextStream as ApiStream,
  Decoder,
  Finish,
  GenerateOptions,
  MaskSource,
  Message,
  Output,
  Piece,
  Prompt,
  Result,
  Sampling,
  ValueOf,
} from './api.ts';
import type { Sequences } from './decoder.ts';
import { randomSeed } from './random.ts';
import { checkSampling } from './sampler.ts';
import { greedy } from './strategies/greedy.ts';
import { sample } from './strategies/sample.ts';
import { StopStrings, type TextCodec, TokenText } from './text.ts';

export type { GenerateOptions, Output, Piece, Prompt, Result, ValueOf } from './api.ts';

/** Pieces as they come; `result` is there after the last. */
export class TextStream<T> implements ApiStream<T> {
  private outcome: Result<T> | undefined;

  constructor(private readonly pieces: AsyncGenerator<Piece, Result<T> | undefined>) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Piece, void> {
    try {
      for (let next = await this.pieces.next(); ; next = await this.pieces.next()) {
        if (next.done) {
          this.outcome ??= next.value;
          return;
        }
        yield next.value;
      }
    } finally {
      if (!this.outcome) await this.pieces.return(undefined);
    }
  }

  /** Waits for the end. */
  async result(): Promise<Result<T>> {
    for await (const _ of this);
    if (!this.outcome)
      throw new InfcError('INFC6412', 'the text was not read to its end', {
        fix: 'Read all pieces, or only the result',
      });
    return this.outcome;
  }
}

/** A loaded language model. Its calls may overlap: they take turns token by token, or share runs where it was compiled for that. */
export class LanguageModel implements Api {
  constructor(
    readonly model: Model,
    readonly generation: PlanGeneration,
    /** The tokenizer, when the artifact has one. */
    readonly text: TextCodec | undefined,
    private readonly sequences: Sequences,
  ) {}

  /** A new sequence of the model as strategies drive it: for speculation with this model as the draft. */
  decoder(): Decoder {
    return this.sequences.open();
  }

  /** Token ids of a prompt. Throws INFC6420 when a text needs a tokenizer that is not there. */
  encode(prompt: Prompt, template?: Readonly<Record<string, unknown>>): readonly number[] {
    if (typeof prompt !== 'string' && isIds(prompt)) return prompt;
    if (!this.text)
      throw new InfcError('INFC6420', 'this model was compiled without a tokenizer', {
        fix: 'Give token ids, or compile a folder that has tokenizer.json',
      });
    if (typeof prompt === 'string') return this.text.encode(prompt, true);
    return this.text.encode(this.text.render(prompt, template), false);
  }

  /** The text of token ids, special tokens left out. */
  decode(tokens: readonly number[]): string {
    const text = new TokenText(this.text);
    return text.push(tokens) + text.end();
  }

  /** Writes on after a prompt, piece by piece. Throws INFC64xx for prompts and options that do not fit, INFC6010 when aborted. */
  stream<const O extends Output | undefined = undefined>(
    prompt: Prompt,
    options: GenerateOptions<O> = {},
  ): TextStream<ValueOf<O>> {
    return new TextStream(this.run(prompt, options));
  }

  /** Writes on after a prompt and returns the whole. */
  generate<const O extends Output | undefined = undefined>(
    prompt: Prompt,
    options: GenerateOptions<O> = {},
  ): Promise<Result<ValueOf<O>>> {
    return this.stream(prompt, options).result();
  }

  /** Several prompts, as many at once as the model was compiled for; what their beginnings have in common is taken once. */
  async batch<const O extends Output | undefined = undefined>(
    prompts: readonly Prompt[],
    options: GenerateOptions<O> = {},
  ): Promise<Result<ValueOf<O>>[]> {
    const results: Result<ValueOf<O>>[] = new Array(prompts.length);
    const ids = prompts.map((p) => this.encode(p, options.template));
    const order = [...ids.keys()].sort((a, b) => compare(ids[a] ?? [], ids[b] ?? []));
    let failed = false;
    const one = async (): Promise<void> => {
      for (let i = order.shift(); i !== undefined; i = order.shift()) {
        const stream = this.stream(ids[i] ?? [], { ...options, masks: options.masks?.fork() });
        for await (const _ of stream) if (failed) return;
        results[i] = await stream.result();
      }
    };
    const workers = Array.from({ length: this.sequences.width }, () =>
      one().catch((error: unknown) => {
        failed = true;
        throw error;
      }),
    );
    const [first] = (await Promise.allSettled(workers)).filter((w) => w.status === 'rejected');
    if (first) throw first.reason;
    return results;
  }

  private async *run<O extends Output | undefined>(
    given: Prompt,
    options: GenerateOptions<O>,
  ): AsyncGenerator<Piece, Result<ValueOf<O>>> {
    const started = performance.now();
    const { signal, output } = options;
    if (signal?.aborted) throw new InfcError('INFC6010', 'the generation was aborted', { cause: signal.reason });
    const prompt = this.encode(given, options.template);
    const decoder = this.sequences.open(prompt);
    const slide = options.overflow === 'slide';
    const room = decoder.context - prompt.length + 1;
    if (room < 1 && !slide)
      throw new InfcError(
        'INFC6401',
        `the prompt has ${prompt.length} tokens, more than the context of ${decoder.context} holds`,
        { fix: "Shorten it, or slide over it (overflow: 'slide', --overflow slide)" },
      );
    const maxTokens = Math.min(options.maxTokens ?? Number.POSITIVE_INFINITY, slide ? 2 ** 31 : room);
    if (!(maxTokens >= 1 && Number.isInteger(maxTokens)))
      throw new InfcError('INFC6404', `maxTokens is ${maxTokens}; it must be a whole number, 1 or more`, {
        fix: 'Change it, or leave it out',
      });
    const sampling = this.samplingOf(options);
    const sampled = (sampling.temperature ?? 0) > 0;
    const strategy = options.strategy ?? (sampled ? sample : greedy);
    const masks = options.masks ?? this.matcherOf(output, maxTokens);
    // The tags of a turn with tool calls may be special tokens.
    const text = new TokenText(this.text, output !== undefined);
    const stops = new StopStrings(options.stop ?? []);
    let spaced = !Array.isArray(given) || isIds(given) || output !== undefined || !this.text?.leadingSpace;
    const clean = (t: string): string => {
      if (spaced || t === '') return t;
      spaced = true;
      return t.startsWith(' ') ? t.slice(1) : t;
    };
    let [whole, firstTokenMs] = ['', 0];
    const tokens: number[] = [];
    const run = strategy.run(decoder, {
      prompt,
      maxTokens,
      eos: this.eos,
      sampling,
      masks,
      logprobs: options.logprobs,
      overflow: slide ? { keep: prompt[0] === this.generation.bos ? 1 : 0 } : undefined,
      signal,
    });
    let finish: Finish | 'stop' | undefined;
    try {
      while (finish === undefined) {
        const next = await run.next();
        if (next.done) {
          const context = next.value === 'length' && maxTokens < (options.maxTokens ?? Number.POSITIVE_INFINITY);
          finish = context ? 'context' : next.value;
          break;
        }
        if (tokens.length === 0) firstTokenMs = performance.now() - started;
        const ids = next.value.map((e) => e.token);
        tokens.push(...ids);
        const piece = stops.push(clean(text.push(ids)));
        whole += piece;
        if (stops.stopped) finish = 'stop';
        yield { text: piece, tokens: next.value };
      }
    } finally {
      await run.return('length');
    }
    const rest = stops.stopped ? '' : stops.push(text.end()) + stops.end();
    whole += rest;
    if (rest !== '') yield { text: rest, tokens: [] };
    return {
      text: whole,
      tokens,
      finish,
      // The constraint decides the type of its own value.
      value: finishedValue(output, whole, masks, finish) as ValueOf<O>,
      ...(sampled ? { seed: sampling.seed ?? 0 } : {}),
      usage: {
        promptTokens: prompt.length,
        reusedTokens: Math.min(decoder.found ?? 0, prompt.length - 1),
        newTokens: tokens.length,
        firstTokenMs,
        totalMs: performance.now() - started,
      },
    };
  }

  /** Tokens that end a text. */
  get eos(): readonly number[] {
    return this.generation.eos.length > 0 ? this.generation.eos : (this.text?.vocabulary.eos ?? []);
  }

  /** What the caller says, then what the model's authors recommend; a temperature of 1 where only other limits are given. */
  private samplingOf(options: Sampling): Sampling {
    const own = this.generation.sampling ?? {};
    const { topK = own.topK, topP = own.topP, minP = own.minP, repetitionPenalty = own.repetitionPenalty } = options;
    const limited = [options.seed, options.topK, options.topP, options.minP].some((v) => v !== undefined);
    const temperature = options.temperature ?? own.temperature ?? (limited ? 1 : 0);
    const seed = options.seed ?? (temperature > 0 ? randomSeed() : 0);
    const sampling = { temperature, topK, topP, minP, repetitionPenalty, seed };
    checkSampling(sampling);
    return sampling;
  }

  private matcherOf(output: Output | undefined, maxTokens: number): MaskSource | undefined {
    if (!output) return undefined;
    if (!this.text)
      throw new InfcError('INFC6421', 'a constraint needs the tokens of a tokenizer, and this model has none', {
        fix: 'Compile a folder that has tokenizer.json, or give masks over token ids',
      });
    return output.matcher(this.text.vocabulary, { maxTokens, closing: 'lazily' });
  }

  dispose(): Promise<void> {
    return this.model.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

const isIds = (prompt: readonly number[] | readonly Message[]): prompt is readonly number[] =>
  prompt.length === 0 || typeof prompt[0] === 'number';

function finishedValue(
  output: Output | undefined,
  text: string,
  masks: MaskSource | undefined,
  finish: Finish | 'stop',
): unknown {
  if (!output) return undefined;
  if (!masks?.done)
    throw new InfcError('INFC6413', `the text ended (${finish}) before it satisfied its constraint`, {
      fix: 'Raise maxTokens, or leave out stop strings that the constraint allows inside',
    });
  return output.parse ? output.parse(text) : text;
}

/** Lexicographic, so that prompts with the same beginning follow each other. */
function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const d = (a[i] ?? 0) - (b[i] ?? 0);
    if (d !== 0) return d;
  }
  return a.length - b.length;
}
