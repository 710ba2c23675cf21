import type { Lang, RegexEngine } from '../regex/index.ts';

/** Old Hangul Jamo, and the exceptions of RFC 5892 section 2.6 that are disallowed. */
const DISALLOWED =
  '\\u{1100}-\\u{11FF}\\u{A960}-\\u{A97F}\\u{D7B0}-\\u{D7FF}\\u{640}\\u{7FA}\\u{302E}\\u{302F}\\u{3031}-\\u{3035}\\u{303B}';
const CONTEXTUAL = '\\u{B7}\\u{375}\\u{5F3}\\u{5F4}\\u{30FB}\\u{660}-\\u{669}\\u{6F0}-\\u{6F9}\\u{200C}\\u{200D}';
const EXCEPTIONS = '\\u{DF}\\u{3C2}\\u{6FD}\\u{6FE}\\u{F0B}\\u{3007}';
const UNSTABLE = '\\p{Changes_When_NFKC_Casefolded}\\p{Default_Ignorable_Code_Point}\\p{Noncharacter_Code_Point}';
/** Canonical combining class 9, which no regular expression property names. */
const VIRAMA =
  '\\u{94D}\\u{9CD}\\u{A4D}\\u{ACD}\\u{B4D}\\u{BCD}\\u{C4D}\\u{CCD}\\u{D3B}\\u{D3C}\\u{D4D}\\u{DCA}\\u{E3A}\\u{EBA}\\u{F84}\\u{1039}\\u{103A}\\u{1714}\\u{1734}\\u{17D2}\\u{1A60}\\u{1B44}\\u{1BAA}\\u{1BAB}\\u{1BF2}\\u{1BF3}\\u{2D7F}\\u{A806}\\u{A8C4}\\u{A953}\\u{A9C0}\\u{AAF6}\\u{ABED}';
/** Arabic letters of joining type D, and of R or D. */
const DUAL_JOINING =
  '\\u{626}\\u{628}\\u{62A}-\\u{62E}\\u{633}-\\u{63F}\\u{641}-\\u{647}\\u{649}\\u{64A}\\u{678}-\\u{687}\\u{69A}-\\u{6BF}\\u{6C1}\\u{6C2}\\u{6CC}\\u{6CE}\\u{6D0}\\u{6D1}\\u{6FA}-\\u{6FC}\\u{6FF}';
const RIGHT_JOINING = `${DUAL_JOINING}\\u{622}-\\u{625}\\u{627}\\u{629}\\u{62F}-\\u{632}\\u{648}\\u{671}-\\u{673}\\u{675}-\\u{677}\\u{688}-\\u{699}\\u{6C0}\\u{6C3}-\\u{6CB}\\u{6CD}\\u{6CF}\\u{6D2}\\u{6D3}\\u{6D5}`;
/** Scripts whose letters run right to left. */
const RTL_SCRIPTS = [
  'Hebrew',
  'Arabic',
  'Syriac',
  'Thaana',
  'Nko',
  'Samaritan',
  'Mandaic',
  'Adlam',
  'Hanifi_Rohingya',
  'Mende_Kikakui',
];

/**
 * Internationalised host names of RFC 5890 ff.: PVALID characters, the contextual rules of RFC 5892 and the Bidi rule of RFC 5893.
 * Two conditions are not regular, and a stricter regular one stands in: A-labels (`xn--`) are left out, and labels beyond ASCII are so short
 * that their Punycode fits into 63 octets: 12 characters, 15 of the basic plane, or 24 whose other than ASCII ones share a block of 256.
 */
export function idnHostname(engine: RegexEngine): Lang {
  const separator = '[.\\u{3002}\\u{FF0E}\\u{FF61}]';
  const labels = labelLanguages(engine);
  const join = (label: Lang): Lang =>
    engine.concat(label, engine.repeat(engine.concat(engine.parse(separator, 'u'), label), 0, null));
  const bidi = engine.union(labels.rightToLeft, labels.bidiLeftToRight);
  return engine.intersect(engine.union(join(labels.leftToRight), join(bidi)), engine.ofLength(1, 253));
}

/** Lengths at which no random label out of thousands needed more than 59 digits of Punycode (RFC 3492). */
function shortEnough(engine: RegexEngine): Lang {
  const upTo = (count: number | null, ...ranges: [number, number][]): Lang =>
    engine.repeat(engine.cls(ranges), 0, count);
  const blocks = Array.from({ length: 0x21 }, (_, i) => upTo(24, [0, 0x7f], [i << 8, (i << 8) | 0xff]));
  return engine.union(upTo(null, [0, 0x7f]), upTo(12, [0, 0x10ffff]), upTo(15, [0, 0xffff]), ...blocks);
}

function labelLanguages(engine: RegexEngine): { leftToRight: Lang; bidiLeftToRight: Lang; rightToLeft: Lang } {
  const rtlClass = `[${RTL_SCRIPTS.map((script) => `\\p{Script=${script}}`).join('')}--[\\p{M}\\p{Nd}]]`;
  const valid = `[[[\\p{Ll}\\p{Lu}\\p{Lo}\\p{Lm}\\p{Nd}\\p{M}--\\p{Me}]--[${UNSTABLE}${DISALLOWED}${CONTEXTUAL}]][${EXCEPTIONS}${CONTEXTUAL}A-Za-z0-9\\-]]`;
  const parse = (source: string): Lang => engine.parse(source, 'v');
  const not = (source: string): Lang => engine.complement(engine.search(source, 'v'));
  const label = engine.intersect(
    parse(`${valid}{1,63}`),
    not('^-|-$|^..--|^\\p{M}'),
    not('(?<!l)\\u{B7}|\\u{B7}(?!l)'),
    not('\\u{375}(?!\\p{Script=Greek})'),
    not('(?<!\\p{Script=Hebrew})[\\u{5F3}\\u{5F4}]'),
    engine.union(not('\\u{30FB}'), engine.search('[\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Han}]', 'v')),
    engine.union(not('[\\u{660}-\\u{669}]'), not('[\\u{6F0}-\\u{6F9}]')),
    not(`(?<![${VIRAMA}])\\u{200D}`),
    not(`(?<![${VIRAMA}]|[${DUAL_JOINING}]\\p{Mn}*)\\u{200C}|(?<![${VIRAMA}])\\u{200C}(?!\\p{Mn}*[${RIGHT_JOINING}])`),
    shortEnough(engine),
  );
  const hasRtl = engine.search(rtlClass, 'v');
  const leftToRight = engine.intersect(label, engine.complement(hasRtl), not('[\\u{660}-\\u{669}]'));
  const rightToLeft = engine.intersect(
    label,
    parse(`${rtlClass}[${rtlClass}\\p{M}0-9\\u{660}-\\u{669}\\u{6F0}-\\u{6F9}\\-\\u{200C}\\u{200D}]*`),
    parse(`.*[${rtlClass}0-9\\u{660}-\\u{669}\\u{6F0}-\\u{6F9}]\\p{Mn}*`),
    engine.union(not('[0-9\\u{6F0}-\\u{6F9}]'), not('[\\u{660}-\\u{669}]')),
  );
  const bidiLeftToRight = engine.intersect(leftToRight, not('^\\p{Nd}'));
  return { leftToRight, bidiLeftToRight, rightToLeft };
}
