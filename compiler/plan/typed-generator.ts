/** What the typed module of a language model has beyond that of other models. */
export interface GeneratorParts {
  /** The model embeds texts instead of writing them. */
  readonly encoder: boolean;
  /** The artifact has a tokenizer. */
  readonly text: boolean;
  /** Files of `strategies/` without their ending. */
  readonly strategies: readonly string[];
}

/** Export of a strategy's file: its name in camel case. */
const exportOf = (file: string): string => file.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

/** Statements of model.js: `load` gives the language model or embedder, `loadModel` the plain model. */
export function generatorModule({ encoder, text, strategies }: GeneratorParts): {
  imports: string[];
  statements: string;
} {
  const open = encoder ? 'loadEmbedder' : 'loadLanguageModel';
  return {
    imports: [
      `import { ${open} } from './generate.js';`,
      ...strategies.map((s) => `export { ${exportOf(s)} } from './strategies/${s}.js';`),
    ],
    statements: [
      ...(text
        ? [
            'const text = {',
            "  tokenizer: new URL('./tokenizer.json', import.meta.url),",
            "  config: new URL('./tokenizer_config.json', import.meta.url),",
            "  open: () => import('./text.js'),",
            '};',
          ]
        : []),
      'export function load(options) {',
      `    return ${open}(loadModel, ${text ? 'text' : 'undefined'}, options);`,
      '}',
    ].join('\n'),
  };
}

/** Declarations of model.d.ts. */
export const generatorTypes = ({ encoder, strategies }: GeneratorParts): string =>
  `${encoder ? EMBEDDER : TYPES}${strategies
    .map((s) => `\nexport declare const ${exportOf(s)}: (options?: Readonly<Record<string, unknown>>) => Strategy;`)
    .join('')}`;

/** The same in every artifact of a language model; structurally the types of infc/generate and infc/grammars. */
const TYPES = `
/** One turn of a conversation; chat templates may use further fields. */
export interface Message {
  readonly role: 'system' | 'user' | 'assistant' | 'tool' | (string & {});
  readonly content: string;
  readonly [field: string]: unknown;
}

/** A text, token ids, or a conversation. */
export type Prompt = string | readonly number[] | readonly Message[];

/** A tokenizer's tokens as bytes. */
export interface Vocabulary {
  readonly size: number;
  readonly bytes: readonly (Uint8Array | null)[];
  readonly eos: readonly number[];
  readonly special: ReadonlyMap<string, number>;
  readonly hash: string;
  encode?(text: string): number[];
}

/** What narrows a generation: a mask of the tokens that may come, told every token that came; it may refuse one. Matchers of infc/grammars are such. */
export interface MaskSource {
  mask(): Uint32Array;
  tryCommit(token: number): boolean;
  rollback(count: number): void;
  fork(): MaskSource;
  closingMask?(): Uint32Array;
  soonest?(): Uint32Array;
  forced?(): readonly number[];
  readonly done: boolean;
}

/** A constraint on what is written: constrain, grammar, regex and tools of infc/grammars make them. */
export interface Output {
  matcher(vocabulary: Vocabulary, options?: { readonly maxTokens?: number; readonly closing?: 'lazily' }): MaskSource;
  parse?(text: string): unknown;
}

/** The value a constraint gives: that of its parse, else the text. */
export type ValueOf<O> = O extends { parse(text: string): infer T } ? T : O extends Output ? string : undefined;

/** A way to choose texts: those of infc/generate, or your own. */
export interface Strategy {
  readonly name: string;
  /** The decoder and the request are described in infc/generate. */
  run(decoder: never, request: never): AsyncGenerator<readonly Emission[], 'end' | 'length' | 'context'>;
}

export interface GenerateOptions<O extends Output | undefined = undefined> {
  /** Divides the logits; 0 takes the likeliest token. */
  readonly temperature?: number | undefined;
  readonly topK?: number | undefined;
  readonly topP?: number | undefined;
  readonly minP?: number | undefined;
  readonly repetitionPenalty?: number | undefined;
  /** The same seed and options give the same tokens. */
  readonly seed?: number | undefined;
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
  readonly strategy?: Strategy | undefined;
  /** A context that is full: 'error' (default) refuses such prompts and ends texts there, 'slide' forgets the oldest tokens. */
  readonly overflow?: 'error' | 'slide' | undefined;
  /** Further variables of the chat template. */
  readonly template?: Readonly<Record<string, unknown>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A token and, when asked for, what the model thought of it. */
export interface Emission {
  readonly token: number;
  readonly logprob?: number;
  readonly top?: readonly { readonly token: number; readonly logprob: number }[];
}

/** Tokens that came together, and the text that became certain with them. */
export interface Piece {
  readonly text: string;
  readonly tokens: readonly Emission[];
}

export interface Result<T = undefined> {
  readonly text: string;
  readonly tokens: readonly number[];
  readonly finish: 'end' | 'length' | 'context' | 'stop';
  readonly value: T;
  readonly seed?: number;
  readonly usage: {
    readonly promptTokens: number;
    readonly reusedTokens: number;
    readonly newTokens: number;
    readonly firstTokenMs: number;
    readonly totalMs: number;
  };
}

/** Pieces as they come. */
export interface TextStream<T> extends AsyncIterable<Piece> {
  /** Waits for the end. */
  result(): Promise<Result<T>>;
}

/** The loaded language model. Its calls may overlap: they take turns token by token. */
export interface LanguageModel extends AsyncDisposable {
  readonly model: Model;
  /** Tokens that end a text. */
  readonly eos: readonly number[];
  /** Writes on after a prompt, piece by piece. */
  stream<const O extends Output | undefined = undefined>(prompt: Prompt, options?: GenerateOptions<O>): TextStream<ValueOf<O>>;
  /** Writes on after a prompt and returns the whole. */
  generate<const O extends Output | undefined = undefined>(prompt: Prompt, options?: GenerateOptions<O>): Promise<Result<ValueOf<O>>>;
  /** Several prompts, one after the other; what their beginnings have in common is taken once. */
  batch<const O extends Output | undefined = undefined>(prompts: readonly Prompt[], options?: GenerateOptions<O>): Promise<Result<ValueOf<O>>[]>;
  /** Token ids of a prompt. */
  encode(prompt: Prompt, template?: Readonly<Record<string, unknown>>): readonly number[];
  /** The text of token ids, special tokens left out. */
  decode(tokens: readonly number[]): string;
  dispose(): Promise<void>;
}

/** Loads this language model; its files are found beside this module. */
export declare function load(options?: LoadOptions): Promise<LanguageModel>;
`;

const EMBEDDER = `
export interface EmbedOptions {
  /** How the vectors of the tokens become one, for models that do not do it themselves; default mean. */
  readonly pooling?: 'mean' | 'cls' | 'last' | undefined;
  /** Scale to length 1, so that a dot product is the cosine; default true. */
  readonly normalize?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A loaded model that turns texts into vectors. */
export interface Embedder extends AsyncDisposable {
  readonly model: Model;
  /** The vector of a text, or of token ids with their special tokens. */
  embed(text: string | readonly number[], options?: EmbedOptions): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** Loads this model; its files are found beside this module. */
export declare function load(options?: LoadOptions): Promise<Embedder>;
`;
