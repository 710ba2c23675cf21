/** Characters of words by Unicode (UTS 18; Oniguruma has others), for a class of a regular expression with flag u. */
export const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}';

/** A pattern of exactly this text. */
export function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/** The pattern of a tokenizer.json component: a text or an Oniguruma expression; undefined when there is none or it does not carry over. */
export function patternOf(raw: unknown): RegExp | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined;
  if ('String' in raw && typeof raw.String === 'string') return new RegExp(literally(raw.String), 'gu');
  return 'Regex' in raw && typeof raw.Regex === 'string' ? oniguruma(raw.Regex) : undefined;
}

/**
 * A pattern of Oniguruma or of Rust's fancy-regex for JavaScript; undefined when it does not carry over. White space and word characters are
 * those of Unicode, inline `(?i:...)` of plain letters is spelled out, intersections of classes take flag v.
 */
export function oniguruma(source: string): RegExp | undefined {
  const spelled = source
    .replace(
      /\(\?i:([^()[\]\\]*)\)/g,
      (_, body: string) =>
        `(?:${body.replace(/[a-zA-Z]/g, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`)})`,
    )
    .replace(/([*+?]|\{\d+(?:,\d*)?\})\+/g, '$1')
    .replace(/\\([#&~!"'%,:;<=>@`_-])/g, '$1');
  let depth = 0;
  const unicode = spelled.replace(/[[\]]|\\(?:[pP]\{\w+\}|.)/gsu, (part) => {
    if (part === '[') depth++;
    else if (part === ']') depth--;
    const set = SETS[part];
    if (set !== undefined) return depth > 0 ? set : `[${set}]`;
    const script = /^\\([pP])\{(Han|Hiragana|Katakana|Hangul|Latin|Cyrillic|Greek|Arabic|Thai)\}$/.exec(part);
    return script ? `\\${script[1]}{Script=${script[2]}}` : part;
  });
  try {
    return new RegExp(unicode, unicode.includes('&&') ? 'gv' : 'gu');
  } catch {
    return undefined;
  }
}

const SETS: Readonly<Record<string, string>> = {
  '\\s': '\\p{White_Space}',
  '\\S': '\\P{White_Space}',
  '\\d': '\\p{Nd}',
  '\\D': '\\P{Nd}',
  '\\w': '\\p{L}\\p{M}\\p{N}\\p{Pc}',
};
