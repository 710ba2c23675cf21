import { byteLevelText } from './byte-level.ts';
import { oniguruma, patternOf, WORD } from './patterns.ts';
import { precompiledMap } from './precompiled.ts';
import type { Component } from './schema.ts';

/** A text to text step. */
export type Normalize = (text: string) => string;
/** Cuts pieces into pieces; `first` when they begin the whole text. */
export type Split = (pieces: readonly string[], first: boolean) => readonly string[];

const GPT2_PATTERN = "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** The normalizer of a tokenizer.json; undefined when a step is not known, so that nothing is encoded wrongly. */
export function normalizerOf(steps: readonly Component[]): Normalize | undefined {
  const functions: Normalize[] = [];
  for (const { type, fields } of steps) {
    const pattern = patternOf(fields.pattern);
    if (type === 'NFC' || type === 'NFD' || type === 'NFKC' || type === 'NFKD')
      functions.push((text) => text.normalize(type));
    else if (type === 'Lowercase') functions.push(lowerCase);
    else if (type === 'Nmt') functions.push(nmt);
    else if (type === 'ByteLevel') functions.push((text) => byteLevelText(new TextEncoder().encode(text)));
    else if (type === 'Precompiled' && typeof fields.precompiled_charsmap === 'string')
      functions.push(precompiledMap(fields.precompiled_charsmap));
    else if (type === 'StripAccents') functions.push(stripAccents);
    else if (type === 'Prepend' && typeof fields.prepend === 'string') {
      const { prepend } = fields;
      functions.push((text) => (text === '' ? text : prepend + text));
    } else if (type === 'Replace' && pattern && typeof fields.content === 'string') {
      const { content } = fields;
      functions.push((text) => text.replace(pattern, () => content));
    } else if (type === 'Strip') {
      functions.push((text) => {
        const start = fields.strip_left === false ? text : text.replace(/^\p{White_Space}+/u, '');
        return fields.strip_right === false ? start : start.replace(/\p{White_Space}+$/u, '');
      });
    } else if (type === 'BertNormalizer') functions.push(bertNormalizer(fields));
    else return undefined;
  }
  return (text) => functions.reduce((value, step) => step(value), text);
}

/** Character by character: no final sigma. */
function lowerCase(text: string): string {
  let out = '';
  for (const char of text) out += char.toLowerCase();
  return out;
}

/** What SentencePiece's NMT rules drop and take for spaces. */
function nmt(text: string): string {
  const dropped = (char: string): boolean =>
    (char >= '\x01' && char <= '\x1f' && !'\t\n\f\r'.includes(char)) || '\x7f\x8f\x9f'.includes(char);
  return text
    .replace(/\p{Cc}/gu, (char) => (dropped(char) ? '' : char))
    .replace(/[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/g, ' ');
}

function stripAccents(text: string): string {
  return text.normalize('NFD').replace(/\p{Mn}/gu, '');
}

function bertNormalizer(fields: Readonly<Record<string, unknown>>): Normalize {
  const lowercase = fields.lowercase !== false;
  const accents = typeof fields.strip_accents === 'boolean' ? fields.strip_accents : lowercase;
  return (text) => {
    let out = text;
    if (fields.clean_text !== false)
      out = out.replace(/(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\ufffd]/gu, '').replace(/\p{White_Space}/gu, ' ');
    if (fields.handle_chinese_chars !== false)
      out = out.replace(/[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu, ' $& ');
    if (accents) out = stripAccents(out);
    return lowercase ? lowerCase(out) : out;
  };
}

/** The pre-tokenizer of a tokenizer.json; undefined when a step is not known. */
export function splitterOf(steps: readonly Component[]): Split | undefined {
  const functions: Split[] = [];
  for (const { type, fields } of steps) {
    if (type === 'ByteLevel') {
      const pattern = oniguruma(GPT2_PATTERN);
      if (!pattern) return undefined;
      if (fields.add_prefix_space === true)
        functions.push((pieces) => pieces.map((piece) => (piece.startsWith(' ') ? piece : ` ${piece}`)));
      if (fields.use_regex !== false) functions.push((pieces) => pieces.flatMap((piece) => piece.match(pattern) ?? []));
      const encoder = new TextEncoder();
      functions.push((pieces) => pieces.map((piece) => byteLevelText(encoder.encode(piece))));
    } else if (type === 'Split') {
      const pattern = patternOf(fields.pattern);
      if (!pattern) return undefined;
      functions.push((pieces) =>
        pieces.flatMap((piece) => splitBy(piece, pattern, String(fields.behavior), fields.invert === true)),
      );
    } else if (type === 'Metaspace') {
      const space = typeof fields.replacement === 'string' ? fields.replacement : '▁';
      const prepend = fields.prepend_scheme ?? (fields.add_prefix_space === false ? 'never' : 'always');
      functions.push((pieces, first) =>
        pieces.flatMap((piece, i) => {
          let text = piece.replaceAll(' ', space);
          const here = prepend === 'always' || (prepend === 'first' && first && i === 0);
          if (here && !text.startsWith(space)) text = space + text;
          return fields.split === false ? [text] : splitBy(text, new RegExp(space, 'gu'), 'MergedWithNext', false);
        }),
      );
    } else if (type === 'Digits') {
      const pattern = fields.individual_digits === true ? /\p{N}/gu : /\p{N}+/gu;
      functions.push((pieces) => pieces.flatMap((piece) => splitBy(piece, pattern, 'Isolated', false)));
    } else if (type === 'CharDelimiterSplit' && typeof fields.delimiter === 'string') {
      const { delimiter } = fields;
      functions.push((pieces) => pieces.flatMap((piece) => piece.split(delimiter).filter((part) => part !== '')));
    } else if (type === 'Whitespace')
      functions.push(matching(new RegExp(`[${WORD}]+|[^${WORD}\\p{White_Space}]+`, 'gu')));
    else if (type === 'WhitespaceSplit') functions.push(matching(/\P{White_Space}+/gu));
    else if (type === 'BertPreTokenizer')
      functions.push(matching(/[\p{P}$+<=>^`|~]|[^\p{White_Space}\p{P}$+<=>^`|~]+/gu));
    else if (type === 'Punctuation')
      functions.push((pieces) =>
        pieces.flatMap((piece) => splitBy(piece, /[\p{P}$+<=>^`|~]/gu, String(fields.behavior ?? 'Isolated'), false)),
      );
    else return undefined;
  }
  return (pieces, first) => functions.reduce((value, step) => step(value, first), pieces);
}

/** Keeps what matches. */
function matching(pattern: RegExp): Split {
  return (pieces) => pieces.flatMap((piece) => piece.match(pattern) ?? []);
}

/** The split behaviours of Hugging Face tokenizers. */
function splitBy(text: string, pattern: RegExp, behavior: string, invert: boolean): string[] {
  const spans: { text: string; match: boolean }[] = [];
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    if (match[0] === '') continue;
    if (match.index > at) spans.push({ text: text.slice(at, match.index), match: invert });
    spans.push({ text: match[0], match: !invert });
    at = match.index + match[0].length;
  }
  if (at < text.length) spans.push({ text: text.slice(at), match: invert });
  const out: string[] = [];
  let glue = false;
  for (const span of spans) {
    if (behavior === 'Removed') {
      if (!span.match) out.push(span.text);
    } else if (behavior === 'MergedWithPrevious' && span.match && !glue && out.length > 0)
      out[out.length - 1] += span.text;
    else if (behavior === 'MergedWithNext' && glue && !span.match) out[out.length - 1] += span.text;
    else if (behavior === 'Contiguous' && out.length > 0 && glue === span.match) out[out.length - 1] += span.text;
    else out.push(span.text);
    glue = span.match;
  }
  return out;
}
