import { InfcError } from '../../runtime/errors.ts';
import { MAX_CODE_POINT } from './charset.ts';

type Pairs = (readonly [number, number])[];

const properties = new Map<string, Pairs>();

/**
 * The code points with a Unicode property, as the running JavaScript engine knows it: the borders of its runs are searched plane by plane.
 */
export function unicodeProperty(expression: string): Pairs {
  const known = properties.get(expression);
  if (known) return known;
  const inside = matcherOf(`\\p{${expression}}`);
  const outside = matcherOf(`\\P{${expression}}`);
  const pairs: Pairs = [];
  for (let plane = 0; plane <= MAX_CODE_POINT; plane += 0x10000) {
    if (!ASSIGNED_PLANES.includes(plane)) {
      // Unassigned and private planes are uniform but for their last two code points.
      for (const [lo, hi] of [[plane, plane + 0xfffd] as const, [plane + 0xfffe, plane + 0xffff] as const]) {
        if (search(inside, String.fromCodePoint(lo), 0) === 0) pairs.push([lo, hi]);
      }
      continue;
    }
    const text = planeText(plane);
    for (let at = search(inside, text, 0); at < text.length; ) {
      const end = search(outside, text, at);
      // Surrogates are not in the text of plane 0, so a run may jump over them; no set keeps them anyway.
      pairs.push([text.codePointAt(at) ?? 0, text.codePointAt(end - (plane === 0 ? 1 : 2)) ?? 0]);
      at = search(inside, text, end);
    }
  }
  properties.set(expression, pairs);
  return pairs;
}

const ASSIGNED_PLANES: readonly number[] = [0, 0x10000, 0x20000, 0x30000, 0xe0000];
const planeTexts = new Map<number, string>();

/** All characters of a plane, in order, surrogates left out. */
function planeText(plane: number): string {
  const known = planeTexts.get(plane);
  if (known !== undefined) return known;
  const units = new Uint16Array(plane === 0 ? 0x10000 - 0x800 : 0x20000);
  let at = 0;
  for (let cp = plane; cp < plane + 0x10000; cp++) {
    if (cp >= 0xd800 && cp <= 0xdfff) continue;
    if (plane > 0) {
      units[at++] = 0xd800 + ((cp - 0x10000) >> 10);
      units[at++] = 0xdc00 + (cp & 0x3ff);
    } else units[at++] = cp;
  }
  const text = new TextDecoder('utf-16le', { ignoreBOM: true }).decode(units);
  planeTexts.set(plane, text);
  return text;
}

function matcherOf(source: string): RegExp {
  try {
    return new RegExp(source, 'gu');
  } catch {
    throw new InfcError('INFC5110', `unknown Unicode property ${source.replace('P', 'p')}`, {
      fix: 'Use a general category, Script=..., Script_Extensions=... or a binary property of ECMA-262',
    });
  }
}

/** Offset of the next character that matches, or the length of the text. */
function search(matcher: RegExp, text: string, from: number): number {
  matcher.lastIndex = from;
  if (!matcher.test(text)) return text.length;
  const at = matcher.lastIndex - 1;
  // Planes above the first are pairs of units.
  return (text.charCodeAt(at) & 0xfc00) === 0xdc00 ? at - 1 : at;
}

let variants: Map<number, readonly number[]> | undefined;
let variantsUnicode: Map<number, readonly number[]> | undefined;

/**
 * Closes ranges under case, by ECMA-262 `Canonicalize`: simple case folding with the u or v flag, else `toUpperCase` of one code unit.
 */
export function closeUnderCase(pairs: readonly (readonly [number, number])[], unicode: boolean): Pairs {
  const out: Pairs = [...pairs];
  if (pairs.every(([, hi]) => hi < 128)) {
    for (const [lo, hi] of pairs) {
      shift(out, lo, hi, 0x41, 0x5a, 32);
      shift(out, lo, hi, 0x61, 0x7a, -32);
      if (!unicode) continue;
      for (const [letter, other] of ASCII_UNICODE_VARIANTS) if (lo <= letter && letter <= hi) out.push([other, other]);
    }
    return out;
  }
  const table = caseTable(unicode);
  for (const [lo, hi] of pairs) {
    if (hi - lo > table.size) {
      for (const [cp, others] of table) if (cp >= lo && cp <= hi) for (const other of others) out.push([other, other]);
    } else {
      for (let cp = lo; cp <= hi; cp++) for (const other of table.get(cp) ?? []) out.push([other, other]);
    }
  }
  return out;
}

/** K and k fold with the Kelvin sign, S and s with the long s. */
const ASCII_UNICODE_VARIANTS: readonly (readonly [number, number])[] = [
  [0x4b, 0x212a],
  [0x6b, 0x212a],
  [0x53, 0x17f],
  [0x73, 0x17f],
];

function shift(out: Pairs, lo: number, hi: number, from: number, to: number, by: number): void {
  const a = Math.max(lo, from);
  const b = Math.min(hi, to);
  if (a <= b) out.push([a + by, b + by]);
}

function caseTable(unicode: boolean): Map<number, readonly number[]> {
  const known = unicode ? variantsUnicode : variants;
  if (known) return known;
  const groups = new Map<number, number[]>();
  for (const [lo, hi] of unicodeProperty('Changes_When_Casemapped'))
    for (let cp = lo; cp <= hi; cp++) {
      if (!unicode && cp > 0xffff) continue;
      const key = unicode ? foldUnicode(cp) : foldLegacy(cp);
      const group = groups.get(key);
      if (group) group.push(cp);
      else groups.set(key, [cp]);
      if (key !== cp && !groups.get(key)?.includes(key)) groups.get(key)?.push(key);
    }
  const table = new Map<number, readonly number[]>();
  for (const group of groups.values()) {
    const members = [...new Set(group)];
    if (members.length > 1) for (const cp of members) table.set(cp, members);
  }
  if (unicode) variantsUnicode = table;
  else variants = table;
  return table;
}

function foldLegacy(cp: number): number {
  const upper = String.fromCharCode(cp).toUpperCase();
  if (upper.length !== 1) return cp;
  const folded = upper.charCodeAt(0);
  return cp >= 128 && folded < 128 ? cp : folded;
}

/**
 * JavaScript does not expose simple case folding, but its u-mode matcher applies it: the representative is the
 * smallest of the one-character case mappings that the matcher calls equal.
 */
function foldUnicode(cp: number): number {
  const text = String.fromCodePoint(cp);
  let best = cp;
  for (const form of [
    text.toLowerCase(),
    text.toUpperCase(),
    text.toUpperCase().toLowerCase(),
    text.toLowerCase().toUpperCase(),
  ]) {
    const other = form.codePointAt(0) ?? cp;
    if (other >= best || form.length !== (other > 0xffff ? 2 : 1)) continue;
    if (new RegExp(`\\u{${other.toString(16)}}`, 'iu').test(text)) best = other;
  }
  return best;
}
