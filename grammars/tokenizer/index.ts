import { InfcError } from '../../runtime/errors.ts';
import { type Choices, checkOptions } from '../options.ts';
import { binaryOf, type Vocabulary } from '../vocabulary.ts';
import { sectionsOf } from './added-tokens.ts';
import { mergePairs } from './bpe.ts';
import { byteLevelBytes } from './byte-level.ts';
import { type EncodePiece, pieceEncoder } from './encoder.ts';
import { hashTokens } from './hash.ts';
import { oniguruma } from './patterns.ts';
import { normalizerOf, splitterOf } from './pipeline.ts';
import { flatten, noVocabulary, readTokenizerFile, type TokenizerFile } from './schema.ts';

/** What a tokenizer file does not say by itself. */
export interface VocabularyOptions {
  /** Ids or texts of the tokens that end a generation; by default the usual ones that are there. */
  readonly eos?: readonly (number | string)[];
  /** Special tokens by text, for formats that do not list them. */
  readonly special?: Readonly<Record<string, number>>;
  /** How to cut text before byte pairs merge (tiktoken); without it nothing is encoded. */
  readonly pattern?: string;
}

const VOCABULARY_CHOICES: Choices<VocabularyOptions> = { eos: undefined, special: 'object', pattern: 'string' };

const USUAL_EOS = [
  '</s>',
  '<|endoftext|>',
  '<|end_of_text|>',
  '<|eot_id|>',
  '<|im_end|>',
  '<eos>',
  '<end_of_turn>',
  '<|end|>',
  '<|return|>',
  '<|call|>',
  '<｜end▁of▁sentence｜>',
  '[SEP]',
];

/** Patterns of OpenAI's encodings, for {@link VocabularyOptions.pattern}. */
export const TIKTOKEN_PATTERNS = {
  r50k: "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  cl100k:
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  o200k:
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
} as const;

/** Builds a vocabulary from the parsed or unparsed text of a Hugging Face `tokenizer.json`. */
export function vocabularyFromTokenizerJson(input: unknown, options: VocabularyOptions = {}): Vocabulary {
  const file = readTokenizerFile(typeof input === 'string' ? parseJson(input) : input);
  const bytes: (Uint8Array | null)[] = [];
  const spell = spelling(file);
  for (const [token, id] of tokensOf(file)) bytes[id] = spell(token);
  const special = new Map<string, number>();
  const spellAdded = spelling(file, true);
  for (const token of file.added) {
    if (token.special) special.set(token.content, token.id);
    bytes[token.id] = token.special ? null : spellAdded(token.content);
  }
  const encode = encoderOf(file);
  return finish(bytes, special, options, encode);
}

/**
 * What single tokens of a `tokenizer.json` spell, by their text there: for who needs the bytes of the few tokens that come, and no table of
 * all. Null for special tokens, as in a vocabulary.
 */
export function spellerFromTokenizerJson(
  input: Readonly<Record<string, unknown>>,
): (token: string) => Uint8Array | null {
  const model = typeof input.model === 'object' && input.model !== null ? input.model : {};
  const { vocab, merges } = model as { readonly vocab?: unknown; readonly merges?: unknown };
  // Spelling looks into no table of tokens but that of pieces.
  const tables = { vocab: Array.isArray(vocab) ? vocab : {}, ...(merges === undefined ? {} : { merges: [] }) };
  const file = readTokenizerFile({ ...input, model: { ...model, ...tables } });
  const spell = spelling(file);
  const spellAdded = spelling(file, true);
  const added = new Map(file.added.map((t) => [t.content, t.special ? null : spellAdded(t.content)]));
  return (token) => {
    const own = added.get(token);
    return own === undefined ? spell(token) : own;
  };
}

/** Builds a vocabulary from the text of a `.tiktoken` file (base64 bytes and rank, one token a line). */
export function vocabularyFromTiktoken(text: string, options: VocabularyOptions = {}): Vocabulary {
  const bytes: (Uint8Array | null)[] = [];
  const ids = new Map<string, number>();
  const lines = String(text).split('\n');
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]?.trim();
    if (!line) continue;
    const [encoded = '', rank = ''] = line.split(' ');
    const id = Number(rank);
    if (!/^\d+$/.test(rank) || id >= 1 << 22) throw wrongLine(i, 'has no rank');
    if (bytes[id]) throw wrongLine(i, 'has the rank of another');
    let binary: string;
    try {
      binary = atob(encoded);
    } catch (cause) {
      throw wrongLine(i, 'is not base64', cause);
    }
    bytes[id] = Uint8Array.from(binary, (char) => char.charCodeAt(0));
    ids.set(binary, id);
  }
  if (ids.size === 0) throw wrongLine(0, 'has no token');
  const special = new Map(Object.entries(options.special ?? {}));
  for (const id of special.values()) bytes[id] = null;
  const split = options.pattern === undefined ? undefined : oniguruma(options.pattern);
  if (options.pattern !== undefined && !split)
    throw noVocabulary(`the pattern '${options.pattern.slice(0, 40)}' does not carry over to JavaScript`, {
      fix: 'Use one of TIKTOKEN_PATTERNS, or leave it out: masks need none',
    });
  const texts: string[] = [];
  for (const [binary, id] of ids) texts[id] = binary;
  const stride = 1 << 22;
  const known = new Map<number, number>();
  const merge = (left: number, right: number) => {
    const key = left * stride + right;
    let id = known.get(key);
    if (id === undefined) known.set(key, (id = ids.get((texts[left] ?? '') + (texts[right] ?? '')) ?? -1));
    return id < 0 ? undefined : { rank: id, id };
  };
  const encoder = new TextEncoder();
  const encode = split
    ? (input: string): number[] | undefined => {
        const out: number[] = [];
        for (const [piece] of input.matchAll(split)) {
          const binary = binaryOf(encoder.encode(piece));
          const whole = ids.get(binary);
          if (whole !== undefined) out.push(whole);
          else {
            const symbols = Array.from(binary, (char) => ids.get(char));
            if (symbols.includes(undefined)) return undefined;
            const known = symbols.filter((id) => id !== undefined);
            for (const id of mergePairs(known, merge)) out.push(id);
          }
        }
        return out;
      }
    : undefined;
  return finish(bytes, special, options, encode);
}

function wrongLine(offset: number, reason: string, cause?: unknown): InfcError {
  return noVocabulary(`line ${offset + 1} of the .tiktoken file ${reason}`, { offset, cause });
}

/** Builds a vocabulary from a plain table: the bytes (or text) of each id, null for special tokens. */
export function vocabularyFromBytes(
  tokens: readonly (Uint8Array | string | null)[],
  options: VocabularyOptions = {},
): Vocabulary {
  const encoder = new TextEncoder();
  if (!Array.isArray(tokens)) throw noVocabulary('a vocabulary is a list of tokens');
  const bytes = tokens.map((token: unknown, id) => {
    if (typeof token === 'string') return encoder.encode(token);
    if (token !== null && !(token instanceof Uint8Array)) throw noVocabulary(`token ${id} is no text, bytes or null`);
    return token;
  });
  return finish(bytes, new Map(Object.entries(options.special ?? {})), options, undefined);
}

/**
 * Verifies by round trip that encoding a text and joining the tokens' bytes gives the text again (a dummy space in front may be dropped,
 * as SentencePiece does). Returns what failed, or undefined.
 */
export function roundTripFailure(vocabulary: Vocabulary, text: string): string | undefined {
  const ids = vocabulary.encode?.(text);
  if (!ids) return 'the vocabulary does not encode';
  const joined = new Uint8Array(ids.reduce((size, id) => size + (vocabulary.bytes[id]?.length ?? 0), 0));
  let at = 0;
  for (const id of ids) {
    const bytes = vocabulary.bytes[id];
    if (!bytes) return `token ${id} has no bytes`;
    joined.set(bytes, at);
    at += bytes.length;
  }
  const back = new TextDecoder().decode(joined);
  return back === text || back === ` ${text}`
    ? undefined
    : `'${text.slice(0, 40)}' came back as '${back.slice(0, 40)}'`;
}

function finish(
  bytes: (Uint8Array | null)[],
  special: Map<string, number>,
  options: VocabularyOptions,
  encode: ((text: string) => number[] | undefined) | undefined,
): Vocabulary {
  checkOptions(options, VOCABULARY_CHOICES);
  for (const [text, id] of special) {
    if (!Number.isInteger(id) || id < 0 || id >= 1 << 22) throw noVocabulary(`special token '${text}' has no valid id`);
    bytes[id] ??= null;
  }
  // Ids that no token has are as unreachable as special tokens.
  const table = Array.from({ length: bytes.length }, (_, id) => bytes[id] ?? null);
  // Where there is a token that returns, <|end|> ends a message within the text.
  const wanted =
    options.eos ?? USUAL_EOS.filter((text) => special.has(text) && (text !== '<|end|>' || !special.has('<|return|>')));
  const ends = [wanted].flat().map((entry) => {
    const id = typeof entry === 'number' ? entry : (special.get(entry) ?? findText(table, entry));
    if (id === undefined || table[id] === undefined)
      throw new InfcError('INFC5203', `end token '${entry}' is not in the vocabulary`, {
        fix: 'Give eos as ids or texts of tokens',
      });
    return id;
  });
  const eos = [...new Set(ends)];
  const vocabulary: Vocabulary = {
    size: table.length,
    bytes: table,
    eos,
    special,
    hash: hashTokens(table, special, eos),
  };
  if (!encode) return vocabulary;
  return {
    ...vocabulary,
    encode(text) {
      const ids = encode(text);
      if (!ids)
        throw new InfcError('INFC5204', 'the vocabulary cannot spell this text', {
          fix: 'Use a tokenizer with byte fallback or an unknown token',
        });
      return ids;
    },
  };
}

function findText(table: readonly (Uint8Array | null)[], text: string): number | undefined {
  const bytes = new TextEncoder().encode(text);
  const id = table.findIndex((token) => token?.length === bytes.length && token.every((byte, i) => byte === bytes[i]));
  return id < 0 ? undefined : id;
}

function tokensOf({ model }: TokenizerFile): Iterable<readonly [string, number]> {
  if (model.type === 'Unigram') return model.pieces.map(([piece], id) => [piece, id] as const);
  return model.tokens;
}

/**
 * How a token's text in the file maps to bytes: by its decoder, else by its pre-tokenizer. Decoders read `added` tokens as they read others (two
 * spaces of Gemma are an added '▁▁'), but bytes have no stand-ins there.
 */
function spelling(file: TokenizerFile, added = false): (token: string) => Uint8Array | null {
  const encoder = new TextEncoder();
  const steps = [...flatten(file.decoder), ...flatten(file.preTokenizer)];
  const { model } = file;
  if (steps.some(({ type }) => type === 'ByteLevel'))
    return (token) => (added ? undefined : byteLevelBytes(token)) ?? encoder.encode(token);
  if (model.type === 'WordPiece') {
    // The decoder joins words with spaces; a continuation has none before it.
    return (token) => encoder.encode(token.startsWith(model.prefix) ? token.slice(model.prefix.length) : ` ${token}`);
  }
  const space =
    steps
      .map(({ type, fields }) => (type === 'Metaspace' ? fields.replacement : undefined))
      .find((value) => typeof value === 'string') ?? '▁';
  if (model.type === 'BPE' && (model.suffix !== '' || model.prefix !== '')) {
    // The last symbol of a word stands for a space, too; or a continuation has none before it.
    return (token) =>
      encoder.encode(
        model.suffix === ''
          ? token.startsWith(model.prefix)
            ? token.slice(model.prefix.length)
            : ` ${token}`
          : token.endsWith(model.suffix)
            ? `${token.slice(0, -model.suffix.length)} `
            : token,
      );
  }
  const fallback = model.byteFallback;
  const unknown = model.type === 'Unigram' ? model.pieces[model.unknown ?? -1]?.[0] : model.unknown;
  return (token) => {
    const byte = fallback ? /^<0x([0-9A-Fa-f]{2})>$/.exec(token) : null;
    if (byte) return Uint8Array.of(Number.parseInt(byte[1] ?? '0', 16));
    return token === unknown ? null : encoder.encode(token.replaceAll(space, ' '));
  };
}

function encoderOf(file: TokenizerFile): ((text: string) => number[] | undefined) | undefined {
  const normalize = normalizerOf(flatten(file.normalizer));
  const split = splitterOf(flatten(file.preTokenizer));
  if (!normalize || !split) return undefined;
  // Tables of merges take more memory than the tokens, and most never encode with them.
  let made: EncodePiece | undefined;
  const encodePiece: EncodePiece = (piece) => (made ??= pieceEncoder(file.model))(piece);
  const sections = sectionsOf(file.added, normalize);
  return (text) => {
    const out: number[] = [];
    for (const section of sections(text)) {
      if ('id' in section) out.push(section.id);
      else
        for (const piece of section.text === '' ? [] : split([section.text], section.first)) {
          const ids = encodePiece(piece);
          if (!ids) return undefined;
          for (const id of ids) out.push(id);
        }
    }
    return out;
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw noVocabulary('tokenizer.json is not JSON', { cause });
  }
}
