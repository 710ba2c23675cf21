import { byteLevelText } from './byte-level.ts';
import type { Component } from './schema.ts';

/** A text to text step. */
export type Normalize = (text: string) => string;
/** Cuts pieces into pieces. */
export type Split = (pieces: readonly string[]) => readonly string[];

const GPT2_PATTERN = "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** The normalizer of a tokenizer.json; undefined when a step is not known, so that nothing is encoded wrongly. */
export function normalizerOf(steps: readonly Component[]): Normalize | undefined {
  const functions: Normalize[] = [];
  for (const { type, fields } of steps) {
    const pattern = patternOf(fields.pattern);
    if (type === 'NFC' || type === 'NFD' || type === 'NFKC' || type === 'NFKD')
      functions.push((text) => text.normalize(type));
    else if (type === 'Lowercase') functions.push((text) => text.toLowerCase());
    else if (type === 'StripAccents') functions.push(stripAccents);
    else if (type === 'Prepend' && typeof fields.prepend === 'string') {
      const { prepend } = fields;
      functions.push((text) => (text === '' ? text : prepend + text));
    } else if (type === 'Replace' && pattern && typeof fields.content === 'string') {
      const { content } = fields;
      functions.push((text) => text.replace(pattern, () => content));
    } else if (type === 'Strip') {
      functions.push((text) => {
        const start = fields.strip_left === false ? text : text.trimStart();
        return fields.strip_right === false ? start : start.trimEnd();
      });
    } else if (type === 'BertNormalizer') functions.push(bertNormalizer(fields));
    else return undefined;
  }
  return (text) => functions.reduce((value, step) => step(value), text);
}

function stripAccents(text: string): string {
  return text.normalize('NFD').replace(/\p{Mn}/gu, '');
}

function bertNormalizer(fields: Readonly<Record<string, unknown>>): Normalize {
  const lowercase = fields.lowercase !== false;
  const accents = typeof fields.strip_accents === 'boolean' ? fields.strip_accents : lowercase;
  return (text) => {
    let out = text;
    if (fields.clean_text !== false) out = out.replace(/\s/gu, ' ').replace(/[\p{Cc}\p{Cf}\ufffd]/gu, '');
    if (fields.handle_chinese_chars !== false)
      out = out.replace(/[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu, ' $& ');
    if (accents) out = stripAccents(out);
    return lowercase ? out.toLowerCase() : out;
  };
}

/** The pre-tokenizer of a tokenizer.json; undefined when a step is not known. */
export function splitterOf(steps: readonly Component[]): Split | undefined {
  const functions: Split[] = [];
  for (const { type, fields } of steps) {
    if (type === 'ByteLevel') {
      const pattern = new RegExp(GPT2_PATTERN, 'gu');
      if (fields.add_prefix_space === true)
        functions.push((pieces) => pieces.map((piece, i) => (i === 0 && !piece.startsWith(' ') ? ` ${piece}` : piece)));
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
      const prepend =
        typeof fields.prepend_scheme === 'string'
          ? fields.prepend_scheme !== 'never'
          : fields.add_prefix_space !== false;
      functions.push((pieces) =>
        pieces.flatMap((piece, i) => {
          let text = piece.replaceAll(' ', space);
          if (prepend && i === 0 && !text.startsWith(space)) text = space + text;
          return fields.split === false ? [text] : splitBy(text, new RegExp(space, 'gu'), 'MergedWithNext', false);
        }),
      );
    } else if (type === 'Digits') {
      const pattern = fields.individual_digits === true ? /\p{Nd}/gu : /\p{Nd}+/gu;
      functions.push((pieces) => pieces.flatMap((piece) => splitBy(piece, pattern, 'Isolated', false)));
    } else if (type === 'Whitespace')
      functions.push((pieces) =>
        pieces.flatMap((piece) => piece.match(/[\p{L}\p{M}\p{N}_]+|[^\p{L}\p{M}\p{N}_\s]+/gu) ?? []),
      );
    else if (type === 'WhitespaceSplit')
      functions.push((pieces) => pieces.flatMap((piece) => piece.match(/\S+/gu) ?? []));
    else if (type === 'BertPreTokenizer')
      functions.push((pieces) =>
        pieces.flatMap((piece) => piece.match(/[\p{P}$+<=>^`|~]|[^\s\p{P}$+<=>^`|~]+/gu) ?? []),
      );
    else if (type === 'Punctuation')
      functions.push((pieces) =>
        pieces.flatMap((piece) => splitBy(piece, /[\p{P}$+<=>^`|~]/gu, String(fields.behavior ?? 'Isolated'), false)),
      );
    else return undefined;
  }
  return (pieces) => functions.reduce((value, step) => step(value), pieces);
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
    } else if (behavior === 'MergedWithPrevious' && span.match && out.length > 0) out[out.length - 1] += span.text;
    else if (behavior === 'MergedWithNext' && glue && !span.match) out[out.length - 1] += span.text;
    else out.push(span.text);
    glue = span.match;
  }
  return out;
}

function patternOf(raw: unknown): RegExp | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined;
  if ('String' in raw && typeof raw.String === 'string')
    return new RegExp(raw.String.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'gu');
  if ('Regex' in raw && typeof raw.Regex === 'string') return oniguruma(raw.Regex);
  return undefined;
}

/** A pattern of Rust's Oniguruma for JavaScript: inline `(?i:...)` of plain letters is spelled out; undefined when it does not carry over. */
export function oniguruma(source: string): RegExp | undefined {
  const spelled = source
    .replace(
      /\(\?i:([^()[\]\\]*)\)/g,
      (_, body: string) =>
        `(?:${body.replace(/[a-zA-Z]/g, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`)})`,
    )
    .replace(/([*+?]|\{\d+(?:,\d*)?\})\+/g, '$1')
    .replace(/\\([#&~!"'%,:;<=>@`_-])/g, '$1');
  try {
    return new RegExp(spelled, 'gu');
  } catch {
    return undefined;
  }
}
