import { type Merges, mergePairs } from './bpe.ts';
import type { TokenizerModel } from './schema.ts';

/** Encodes one piece that the pre-tokenizer cut out; undefined when the vocabulary cannot spell it. */
export type EncodePiece = (piece: string) => readonly number[] | undefined;

const MAX_CACHED = 1 << 14;

/** The encoder of a model. */
export function pieceEncoder(model: TokenizerModel): EncodePiece {
  switch (model.type) {
    case 'BPE':
      return cached(bpeEncoder(model));
    case 'Unigram':
      return cached(unigramEncoder(model));
    case 'WordPiece':
      return cached(wordPieceEncoder(model));
  }
}

function cached(encode: EncodePiece): EncodePiece {
  const memo = new Map<string, readonly number[] | undefined>();
  return (piece) => {
    if (piece.length > 64) return encode(piece);
    if (memo.has(piece)) return memo.get(piece);
    const ids = encode(piece);
    if (memo.size >= MAX_CACHED) memo.clear();
    memo.set(piece, ids);
    return ids;
  };
}

function bpeEncoder(model: TokenizerModel & { type: 'BPE' }): EncodePiece {
  const { tokens } = model;
  const stride = 1 << 22;
  const ranks = new Map<number, { rank: number; id: number }>();
  model.merges.forEach(([left, right], rank) => {
    const a = tokens.get(left);
    const b = tokens.get(right);
    const id = tokens.get(left + right.slice(model.prefix.length));
    if (a !== undefined && b !== undefined && id !== undefined && !ranks.has(a * stride + b))
      ranks.set(a * stride + b, { rank, id });
  });
  const merges: Merges = (left, right) => ranks.get(left * stride + right);
  const unknown = model.unknown === undefined ? undefined : tokens.get(model.unknown);
  return (piece) => {
    const whole = model.ignoreMerges ? tokens.get(piece) : undefined;
    if (whole !== undefined) return [whole];
    const symbols: number[] = [];
    let fused = false;
    const chars = Array.from(piece);
    for (const [i, char] of chars.entries()) {
      const symbol = (i > 0 ? model.prefix : '') + char + (i === chars.length - 1 ? model.suffix : '');
      const id = tokens.get(symbol);
      if (id !== undefined) symbols.push(id);
      else if (!pushBytes(symbols, symbol, model.byteFallback ? (name) => tokens.get(name) : () => undefined)) {
        if (unknown === undefined) return undefined;
        if (!(fused && model.fuseUnknown)) symbols.push(unknown);
        fused = true;
        continue;
      }
      fused = false;
    }
    return mergePairs(symbols, merges);
  };
}

function pushBytes(symbols: number[], char: string, lookup: (name: string) => number | undefined): boolean {
  const ids = Array.from(new TextEncoder().encode(char), (byte) =>
    lookup(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
  );
  const known = ids.filter((id) => id !== undefined);
  if (known.length < ids.length) return false;
  symbols.push(...known);
  return true;
}

/** Viterbi over the pieces' log probabilities (Kudo 2018); an unknown character costs the least score less ten, as SentencePiece has it. */
function unigramEncoder(model: TokenizerModel & { type: 'Unigram' }): EncodePiece {
  const ids = new Map<string, number>();
  let longest = 1;
  let least = Number.POSITIVE_INFINITY;
  model.pieces.forEach(([piece, score], id) => {
    ids.set(piece, id);
    longest = Math.max(longest, Array.from(piece).length);
    least = Math.min(least, score);
  });
  return (piece) => {
    const chars = Array.from(piece);
    const best = new Float64Array(chars.length + 1).fill(Number.NEGATIVE_INFINITY);
    const from = new Int32Array(chars.length + 1);
    const token = new Int32Array(chars.length + 1).fill(-1);
    best[0] = 0;
    for (let start = 0; start < chars.length; start++) {
      const base = best[start] ?? 0;
      let text = '';
      for (let end = start + 1; end <= Math.min(chars.length, start + longest); end++) {
        text += chars[end - 1] ?? '';
        const id = ids.get(text);
        const score = id === undefined ? (end === start + 1 ? least - 10 : undefined) : model.pieces[id]?.[1];
        if (score === undefined || base + score <= (best[end] ?? 0)) continue;
        best[end] = base + score;
        from[end] = start;
        token[end] = id ?? -1;
      }
    }
    const out: number[] = [];
    let fused = false;
    for (let end = chars.length; end > 0; end = from[end] ?? 0) {
      const id = token[end] ?? -1;
      const bytes: number[] = [];
      if (id >= 0) out.push(id);
      else if (model.byteFallback && pushBytes(bytes, chars[end - 1] ?? '', (name) => ids.get(name)))
        out.push(...bytes.reverse());
      else if (model.unknown === undefined) return undefined;
      else {
        // Unknown characters in a row are one token.
        if (!fused) out.push(model.unknown);
        fused = true;
        continue;
      }
      fused = false;
    }
    return out.reverse();
  };
}

/** Greedy longest match first. */
function wordPieceEncoder(model: TokenizerModel & { type: 'WordPiece' }): EncodePiece {
  const unknown = model.unknown === undefined ? undefined : model.tokens.get(model.unknown);
  return (piece) => {
    const chars = Array.from(piece);
    const fail = unknown === undefined ? undefined : [unknown];
    if (chars.length > model.maxChars) return fail;
    const out: number[] = [];
    for (let start = 0; start < chars.length; ) {
      let end = chars.length;
      let id: number | undefined;
      for (; end > start; end--) {
        id = model.tokens.get((start > 0 ? model.prefix : '') + chars.slice(start, end).join(''));
        if (id !== undefined) break;
      }
      if (id === undefined) return fail;
      out.push(id);
      start = end;
    }
    return out;
  };
}
