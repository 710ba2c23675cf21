import { type ErrorDetails, InfcError } from '../../runtime/errors.ts';

/** One entry of `added_tokens`. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  /** Takes the white space before it along. */
  readonly lstrip: boolean;
  /** Takes the white space after it along. */
  readonly rstrip: boolean;
  /** Counts only where it is a word by itself. */
  readonly singleWord: boolean;
  /** Is looked for in normalized text. */
  readonly normalized: boolean;
}

/** A component (normalizer, pre-tokenizer, decoder) of a tokenizer.json: its type and raw fields. */
export interface Component {
  readonly type: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly parts: readonly Component[];
}

/** The model of a tokenizer.json, checked. */
export type TokenizerModel =
  | {
      readonly type: 'BPE';
      readonly tokens: ReadonlyMap<string, number>;
      readonly merges: readonly (readonly [string, string])[];
      readonly byteFallback: boolean;
      readonly ignoreMerges: boolean;
      readonly unknown: string | undefined;
      /** Unknown characters in a row are one token. */
      readonly fuseUnknown: boolean;
      /** What symbols inside a word begin with, and the last one ends with, in the vocabulary. */
      readonly prefix: string;
      readonly suffix: string;
    }
  | {
      readonly type: 'Unigram';
      readonly pieces: readonly (readonly [string, number])[];
      readonly unknown: number | undefined;
      readonly byteFallback: boolean;
    }
  | {
      readonly type: 'WordPiece';
      readonly tokens: ReadonlyMap<string, number>;
      readonly prefix: string;
      readonly unknown: string | undefined;
      readonly maxChars: number;
    };

/** A parsed and checked tokenizer.json. */
export interface TokenizerFile {
  readonly model: TokenizerModel;
  readonly added: readonly AddedToken[];
  readonly normalizer: Component | undefined;
  readonly preTokenizer: Component | undefined;
  readonly decoder: Component | undefined;
}

const MAX_VOCABULARY = 1 << 22;
/** Sequences within sequences of normalizers and the like. */
const MAX_DEEP = 32;

/** Checks the parts of a tokenizer.json that matter here; INFC5201 names the place of what is wrong. */
export function readTokenizerFile(input: unknown): TokenizerFile {
  const root = record(input, '');
  const raw = record(root.model, '/model');
  const added = (
    root.added_tokens === undefined || root.added_tokens === null ? [] : list(root.added_tokens, '/added_tokens')
  ).map((entry, i) => {
    const token = record(entry, `/added_tokens/${i}`);
    return {
      id: tokenId(token.id, `/added_tokens/${i}/id`),
      content: text(token.content, `/added_tokens/${i}/content`),
      special: token.special === true,
      lstrip: token.lstrip === true,
      rstrip: token.rstrip === true,
      singleWord: token.single_word === true,
      normalized: typeof token.normalized === 'boolean' ? token.normalized : token.special !== true,
    };
  });
  return {
    model: readModel(raw),
    added,
    normalizer: component(root.normalizer, '/normalizer'),
    preTokenizer: component(root.pre_tokenizer, '/pre_tokenizer'),
    decoder: component(root.decoder, '/decoder'),
  };
}

function readModel(raw: Readonly<Record<string, unknown>>): TokenizerModel {
  const type = typeof raw.type === 'string' ? raw.type : guessModel(raw);
  const unknown = typeof raw.unk_token === 'string' ? raw.unk_token : undefined;
  switch (type) {
    case 'BPE':
      return {
        type,
        tokens: vocabulary(raw.vocab),
        merges: list(raw.merges ?? [], '/model/merges').map((merge, i) => readMerge(merge, i)),
        byteFallback: raw.byte_fallback === true,
        ignoreMerges: raw.ignore_merges === true,
        unknown,
        fuseUnknown: raw.fuse_unk === true,
        prefix: typeof raw.continuing_subword_prefix === 'string' ? raw.continuing_subword_prefix : '',
        suffix: typeof raw.end_of_word_suffix === 'string' ? raw.end_of_word_suffix : '',
      };
    case 'Unigram':
      return {
        type,
        pieces: list(raw.vocab, '/model/vocab').map((entry, i) => {
          const [piece, score] = list(entry, `/model/vocab/${i}`);
          if (typeof score !== 'number') throw invalid(`/model/vocab/${i}`, 'needs a piece and a score');
          return [text(piece, `/model/vocab/${i}/0`), score] as const;
        }),
        unknown: typeof raw.unk_id === 'number' ? raw.unk_id : undefined,
        byteFallback: raw.byte_fallback === true,
      };
    case 'WordPiece':
      return {
        type,
        tokens: vocabulary(raw.vocab),
        prefix: typeof raw.continuing_subword_prefix === 'string' ? raw.continuing_subword_prefix : '##',
        unknown,
        maxChars: typeof raw.max_input_chars_per_word === 'number' ? raw.max_input_chars_per_word : 100,
      };
    default:
      throw new InfcError('INFC5202', `tokenizer model '${type}' is not supported`, {
        pointer: '/model/type',
        fix: 'Use a BPE, Unigram or WordPiece tokenizer',
      });
  }
}

function guessModel(raw: Readonly<Record<string, unknown>>): string {
  if (raw.merges !== undefined) return 'BPE';
  return Array.isArray(raw.vocab) ? 'Unigram' : 'WordPiece';
}

function readMerge(merge: unknown, i: number): readonly [string, string] {
  if (typeof merge === 'string') {
    const space = merge.indexOf(' ', 1);
    if (space > 0) return [merge.slice(0, space), merge.slice(space + 1)];
  } else if (Array.isArray(merge) && typeof merge[0] === 'string' && typeof merge[1] === 'string') {
    return [merge[0], merge[1]];
  }
  throw invalid(`/model/merges/${i}`, 'is not a pair of tokens');
}

function vocabulary(raw: unknown): ReadonlyMap<string, number> {
  const tokens = new Map<string, number>();
  for (const [token, id] of Object.entries(record(raw, '/model/vocab'))) tokens.set(token, tokenId(id, '/model/vocab'));
  return tokens;
}

function component(raw: unknown, pointer: string, deep = MAX_DEEP): Component | undefined {
  if (raw === undefined || raw === null) return undefined;
  if (deep === 0) throw invalid(pointer, 'nests too deeply');
  const fields = record(raw, pointer);
  const nested = ['normalizers', 'pretokenizers', 'decoders'].map((name) => fields[name]).find(Array.isArray);
  const parts = (nested ?? [])
    .map((part: unknown, i: number) => component(part, `${pointer}/${i}`, deep - 1))
    .filter((part) => part !== undefined);
  return { type: text(fields.type, `${pointer}/type`), fields, parts };
}

/** The component and all that it is a sequence of. */
export function flatten(part: Component | undefined): readonly Component[] {
  if (!part) return [];
  return part.type === 'Sequence' ? part.parts.flatMap(flatten) : [part];
}

function record(value: unknown, pointer: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(pointer, 'is not an object');
  return Object.fromEntries(Object.entries(value));
}

function list(value: unknown, pointer: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(pointer, 'is not an array');
  return value;
}

function text(value: unknown, pointer: string): string {
  if (typeof value !== 'string') throw invalid(pointer, 'is not a string');
  return value;
}

function tokenId(value: unknown, pointer: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value >= MAX_VOCABULARY)
    throw invalid(pointer, `is not a token id below ${MAX_VOCABULARY}`);
  return value;
}

function invalid(pointer: string, reason: string): InfcError {
  return noVocabulary(`tokenizer.json: ${pointer || 'the file'} ${reason}`, { pointer });
}

/** The error for what is no vocabulary. */
export function noVocabulary(reason: string, place: ErrorDetails = {}): InfcError {
  return new InfcError('INFC5201', reason, {
    fix: "Give the text of a model's own tokenizer.json or .tiktoken file, or a list of texts, bytes and nulls",
    ...place,
  });
}
