import type { Lang, RegexEngine } from '../regex/index.ts';

const ESCAPE =
  '\\\\(?:[\\^$\\\\.*+?\\(\\)\\[\\]\\{\\}\\|\\/dDsSwWtnvfr0]|c[A-Za-z]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|u\\{(?:10|0?[0-9A-Fa-f])?[0-9A-Fa-f]{1,4}\\}|[pP]\\{(?:L[ultmo]?|N[dlo]?|P[cdsefio]?|S[mcko]?|Z[slp]?|M[nce]?|C[cfon]?|Letter|Number|Script=(?:Latin|Greek|Cyrillic|Han|Arabic|Hebrew))\\})';
const NAME = '[A-Za-z_$][A-Za-z0-9_$]*';
const DEPTH = 3;

/**
 * The language of regular expressions (ECMA-262 with the u flag). Their nesting is not regular, so this is the part with groups up to
 * three deep and without back-references, at most one named group, ranges only inside 0-9, a-z or A-Z, and bounds `{n}`, `{n,}`, `{n,m}` (both below 100, or m with more digits).
 */
export function regexSyntax(engine: RegexEngine): Lang {
  const parse = (source: string): Lang => engine.parse(source, 'su');
  const optional = (lang: Lang): Lang => engine.repeat(lang, 0, 1);
  const many = (lang: Lang): Lang => engine.repeat(lang, 0, null);
  const choice = (body: Lang): Lang => engine.concat(body, many(engine.concat(engine.literal('|'), body)));

  const escaped = parse(ESCAPE);
  const ranges = [...spans(0x30, 10), ...spans(0x41, 26), ...spans(0x61, 26)].map(parse);
  // A dash stands for itself only at the beginning or the end, so that it cannot make a range out of order.
  const item = engine.union(...ranges, escaped, parse('\\\\[b\\-]|[^\\\\\\]\\-]'));
  const first = engine.union(...ranges, escaped, parse('\\\\[b\\-]|[^\\\\\\]\\-^]'));
  const dash = engine.literal('-');
  const members = engine.concat(optional(dash), many(item), optional(dash));
  const plain = engine.union(
    engine.epsilon,
    dash,
    engine.concat(engine.union(first, engine.concat(dash, item)), many(item), optional(dash)),
  );
  const set = engine.concat(
    engine.literal('['),
    engine.union(plain, engine.concat(engine.literal('^'), members)),
    engine.literal(']'),
  );

  const quantifier = parse(`(?:(?:[*+?]|\\{\\d{1,9},?\\}|\\{(?:0,\\d{1,9}|${orderedBounds()})\\})\\??)?`);
  const character = engine.union(parse('[^\\^$\\\\.*+?\\(\\)\\[\\]\\{\\}\\|]|\\.'), escaped, set);
  const flat = engine.union(engine.concat(character, quantifier), parse('\\^|\\$|\\\\b|\\\\B'));
  const bar = engine.literal('|');
  const close = engine.concat(engine.literal(')'), quantifier);
  const open = parse('\\((?:\\?:)?');
  const named = parse(`\\(\\?<${NAME}>`);
  const look = parse('\\(\\?(?:=|!|<=|<!)');
  const around = (body: Lang): Lang =>
    engine.union(engine.concat(open, body, close), engine.concat(look, body, engine.literal(')')));
  // Two named groups could have one name: alternatives without any, and those with one.
  let none = choice(many(flat));
  let one = engine.empty;
  for (let depth = 0; depth < DEPTH; depth++) {
    const plainItems = many(engine.union(flat, around(none)));
    const special = engine.union(around(one), engine.concat(named, none, close));
    one = engine.concat(
      many(engine.concat(plainItems, bar)),
      plainItems,
      special,
      plainItems,
      many(engine.concat(bar, plainItems)),
    );
    none = choice(plainItems);
  }
  return engine.union(none, one);
}

/** Patterns of the ranges in order inside a run of characters, one for each first character. */
/** Bounds `n,m` with n <= m: m has more digits, or both have one or two. */
function orderedBounds(): string {
  const parts = ['\\d,[1-9]\\d{1,8}', '[1-9]\\d,[1-9]\\d{2,8}', '[1-9]\\d{2},[1-9]\\d{3,8}'];
  for (let n = 1; n < 10; n++) parts.push(`${n},[${n}-9]`);
  for (let n = 10; n < 100; n++) {
    const tens = Math.floor(n / 10);
    const above = tens < 9 ? `|[${tens + 1}-9]\\d` : '';
    parts.push(`${n},(?:${tens}[${n % 10}-9]${above})`);
  }
  return parts.join('|');
}

function spans(start: number, count: number): string[] {
  const last = String.fromCharCode(start + count - 1);
  return Array.from({ length: count }, (_, i) => {
    const from = String.fromCharCode(start + i);
    return `${from}-[${from}-${last}]`;
  });
}
