// The types that users of a language model meet: those of infc/generate, and word for word the declarations that an artifact carries beside
// its generate.js. Types alone, so that this file is its own declaration; it needs nothing but what it imports here.
import type { Vocabulary } from '../../grammars/vocabulary.ts';
import type { Model } from '../session.ts';

/** One turn of a conversation, as chat templates know them; templates may use further fields. */
export interface Message {
  readonly role: 'system' | 'user' | 'assistant' | 'tool' | (string & {});
  readonly content: string;
  readonly [field: string]: unknown;
}

/** Text with its special tokens left out, token ids as they are, or a conversation. */
export type Prompt = string | readonly number[] | readonly Message[];

/**
 * What narrows a generation to a language, as a matcher of infc/grammars does: a mask of the tokens that may come, told every token that
 * came. A matcher serves one generation.
 */
export interface MaskSource {
  /** Words of the mask: bit `t & 31` of word `t >>> 5` is set when token `t` may come next. A shared view, not to be changed. */
  mask(): Uint32Array;
  /**
   * Takes a token that the mask allows. False, and nothing is taken, when the text could then no longer end in time: another must be chosen.
   */
  tryCommit(token: number): boolean;
  /** Takes back the last `count` tokens. */
  rollback(count: number): void;
  /** An independent copy, for searches that follow several texts. */
  fork(): MaskSource;
  /** The mask without the tokens that {@link tryCommit} would refuse; every token of the vocabulary may have to be looked at. */
  closingMask?(): Uint32Array;
  /** A few tokens that {@link tryCommit} takes, found at once: with them the text ends soonest. Asked for when many were refused. */
  soonest?(): Uint32Array;
  /** Tokens that must come next, whatever is chosen. */
  forced?(): readonly number[];
  /** After an end token: nothing may follow. */
  readonly done: boolean;
}

/** A constraint on what is written: `constrain`, `grammar`, `regex` or `tools` of infc/grammars make them. */
export interface Output {
  matcher(vocabulary: Vocabulary, options?: { readonly maxTokens?: number; readonly closing?: 'lazily' }): MaskSource;
  /** The value of a finished text. */
  parse?(text: string): unknown;
}

/** The value a constraint gives: that of its `parse`, else the text. */
export type ValueOf<O> = O extends { parse(text: string): infer T } ? T : O extends Output ? string : undefined;

/**
 * How to choose a token. Applied in this order, as transformers does: repetition penalty, mask, temperature, top-k, top-p, min-p.
 */
export interface Sampling {
  /** Divides the logits; 0 takes the likeliest token (the lowest id among equals). Default 0. */
  readonly temperature?: number | undefined;
  /** Only the k likeliest tokens; 0 or absent: all. */
  readonly topK?: number | undefined;
  /** Only the likeliest tokens whose probabilities first sum to p, in (0, 1]. */
  readonly topP?: number | undefined;
  /** Only tokens at least this share as likely as the likeliest, in [0, 1]. */
  readonly minP?: number | undefined;
  /** Divides positive and multiplies negative logits of tokens that came before (Keskar et al. 2019); 1: none. */
  readonly repetitionPenalty?: number | undefined;
  /** The same seed, model and options give the same tokens. */
  readonly seed?: number | undefined;
}

export interface GenerateOptions<O extends Output | undefined = undefined> extends Sampling {
  /** Most tokens to write; default: what the context has room for. */
  readonly maxTokens?: number | undefined;
  /** Texts at which to end; they are not given. */
  readonly stop?: readonly string[] | undefined;
  /** Give log probabilities with the tokens, and those of so many of the likeliest at each place. */
  readonly logprobs?: number | undefined;
  /** What may be written; the result then has a value of the constraint's type. */
  readonly output?: O;
  /** Masks over token ids, for models without a tokenizer. */
  readonly masks?: MaskSource | undefined;
  /** How to choose; default greedy, or sampling when a temperature, seed or limit of candidates is given. */
  readonly strategy?: Strategy | undefined;
  /** A context that is full: 'error' refuses such prompts and ends texts there (default), 'slide' forgets the oldest tokens. */
  readonly overflow?: 'error' | 'slide' | undefined;
  /** Further variables of the chat template. */
  readonly template?: Readonly<Record<string, unknown>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A token and, when asked for, what the model thought of it. */
export interface Emission {
  readonly token: number;
  /** Natural logarithm of the model's probability, before sampling options and masks; absent for forced tokens. */
  readonly logprob?: number;
  /** The likeliest tokens at this place. */
  readonly top?: readonly { readonly token: number; readonly logprob: number }[];
}

/** Tokens that came together, and the text that became certain with them. */
export interface Piece {
  readonly text: string;
  readonly tokens: readonly Emission[];
}

/** Why a generation ended: an end token, the limit of tokens, or a context that is full. */
export type Finish = 'end' | 'length' | 'context';

export interface Result<T = undefined> {
  readonly text: string;
  /** Ids, an end token included. */
  readonly tokens: readonly number[];
  /** 'stop': a stop string. */
  readonly finish: Finish | 'stop';
  readonly value: T;
  /** The seed that gives this text again, when it was sampled. */
  readonly seed?: number;
  readonly usage: {
    readonly promptTokens: number;
    /** Of these, taken over from earlier calls. */
    readonly reusedTokens: number;
    readonly newTokens: number;
    /** From the call to the first token. */
    readonly firstTokenMs: number;
    readonly totalMs: number;
  };
}

/** Pieces as they come. */
export interface TextStream<T> extends AsyncIterable<Piece> {
  /** Waits for the end. */
  result(): Promise<Result<T>>;
}

/**
 * A loaded language model. Its calls may overlap: they take turns token by token, or share a run for each token where the model was
 * compiled for several sequences at once (`--batch N`).
 */
export interface LanguageModel extends AsyncDisposable {
  readonly model: Model;
  /** Tokens that end a text. */
  readonly eos: readonly number[];
  /** Writes on after a prompt, piece by piece. Throws INFC64xx for prompts and options that do not fit, INFC6010 when aborted. */
  stream<const O extends Output | undefined = undefined>(
    prompt: Prompt,
    options?: GenerateOptions<O>,
  ): TextStream<ValueOf<O>>;
  /** Writes on after a prompt and returns the whole. */
  generate<const O extends Output | undefined = undefined>(
    prompt: Prompt,
    options?: GenerateOptions<O>,
  ): Promise<Result<ValueOf<O>>>;
  /**
   * Several prompts, as many at once as the model was compiled for (`--batch N`, default one after the other); what their beginnings have in
   * common is taken once. In f32 the texts are those that each prompt gives alone. Throws what one of them throws; the others end.
   */
  batch<const O extends Output | undefined = undefined>(
    prompts: readonly Prompt[],
    options?: GenerateOptions<O>,
  ): Promise<Result<ValueOf<O>>[]>;
  /** Token ids of a prompt. Throws INFC6420 when a text needs a tokenizer that is not there. */
  encode(prompt: Prompt, template?: Readonly<Record<string, unknown>>): readonly number[];
  /** The text of token ids, special tokens left out. */
  decode(tokens: readonly number[]): string;
  /** A new sequence of the model as strategies drive it: for speculation with this model as the draft. */
  decoder(): Decoder;
  dispose(): Promise<void>;
}

/** Which tokens' logits a call of {@link Decoder.forward} returns. */
export type Wanted = 'none' | 'last' | 'all';

/**
 * A language model as strategies drive it: it takes tokens, remembers them (KV cache or recurrent state), and gives logits.
 * A call that throws or is aborted leaves it with the tokens it had.
 */
export interface Decoder {
  readonly vocabulary: number;
  /** Most tokens it can hold. */
  readonly context: number;
  /** Tokens taken so far. */
  readonly tokens: readonly number[];
  /**
   * Takes `tokens` (at least one) and returns logits: [vocabulary] for 'last', [tokens, vocabulary] row by row for 'all', empty for 'none'.
   * The array may be changed by the caller and is valid until the next call. Throws INFC6401 when the context is full.
   */
  forward(tokens: readonly number[], logits: Wanted, signal?: AbortSignal): Promise<Float32Array>;
  /** Forgets all tokens past `length`. */
  truncate(length: number): Promise<void>;
  /** Another decoder with the same tokens, that goes on by itself. What decoders of one model take at the same time may be one run. */
  fork(): Promise<Decoder>;
}

/** What a strategy is asked for. */
export interface Request {
  readonly prompt: readonly number[];
  /** Most tokens to give. */
  readonly maxTokens: number;
  /** Tokens that end the text; one that comes is given, as the last. */
  readonly eos: readonly number[];
  readonly sampling: Sampling;
  readonly masks?: MaskSource | undefined;
  /** Give the logarithms of probabilities, and those of so many of the likeliest tokens. */
  readonly logprobs?: number | undefined;
  /** When the context is full: end, or forget the oldest tokens but the first `keep` and go on. */
  readonly overflow?: { readonly keep: number } | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A way to choose texts. `run` gives tokens as soon as they are certain, in one or more pieces; leaving it early (return, abort) leaves
 * the decoder usable.
 */
export interface Strategy {
  readonly name: string;
  run(decoder: Decoder, request: Request): AsyncGenerator<readonly Emission[], Finish>;
}

/** How the vectors of a text's tokens become one, for models that do not do it themselves. */
export type Pooling = 'mean' | 'cls' | 'last';

export interface EmbedOptions {
  /** Default mean; models that pool themselves refuse another. */
  readonly pooling?: Pooling | undefined;
  /** Scale to length 1, so that a dot product is the cosine; default true. */
  readonly normalize?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A loaded model that turns texts into vectors. */
export interface Embedder extends AsyncDisposable {
  readonly model: Model;
  /**
   * The vector of a text, or of token ids with their special tokens. Throws INFC6401 for one longer than the context, INFC6420 without a
   * tokenizer.
   */
  embed(text: string | readonly number[], options?: EmbedOptions): Promise<Float32Array>;
  dispose(): Promise<void>;
}
