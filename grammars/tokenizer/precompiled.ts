import { InfcError } from '../../runtime/errors.ts';
import type { Normalize } from './pipeline.ts';

/**
 * SentencePiece's compiled normalization rules (`precompiled_charsmap`): a little-endian byte count, a double-array trie (Darts) of that many
 * bytes from source bytes to offsets, and the replacements, each ended by a zero byte. As in Hugging Face tokenizers, a short grapheme is
 * looked up first, then its characters, and the shortest rule counts. Throws INFC5201 when the text is not such a map.
 */
export function precompiledMap(base64: string): Normalize {
  const bytes = decode(base64);
  const view = new DataView(bytes.buffer);
  const size = bytes.length >= 4 ? view.getUint32(0, true) : 0;
  if (size % 4 !== 0 || size === 0 || size + 4 > bytes.length) throw invalid();
  const units = Uint32Array.from({ length: size / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
  const replacements = bytes.subarray(4 + size);
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  /** The replacement of the shortest rule that a text begins with. */
  const lookUp = (text: string): string | undefined => {
    let node = 0;
    let unit = units[0] ?? 0;
    node ^= offset(unit);
    for (const byte of encoder.encode(text)) {
      if (byte === 0) return undefined;
      node ^= byte;
      unit = units[node] ?? 0;
      if ((unit & 0x800000ff) >>> 0 !== byte) return undefined;
      node ^= offset(unit);
      if (((unit >>> 8) & 1) === 1) {
        const from = (units[node] ?? 0) & 0x7fffffff;
        const end = replacements.indexOf(0, from);
        return decoder.decode(replacements.subarray(from, end < 0 ? undefined : end));
      }
    }
    return undefined;
  };
  const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });
  return (text) => {
    let out = '';
    for (const { segment } of graphemes.segment(text)) {
      const whole = encoder.encode(segment).length < 6 ? lookUp(segment) : undefined;
      if (whole !== undefined) out += whole;
      else for (const char of segment) out += lookUp(char) ?? char;
    }
    return out;
  };
}

function offset(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}

function decode(base64: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  } catch {
    throw invalid();
  }
}

function invalid(): InfcError {
  return new InfcError('INFC5201', 'tokenizer.json: the precompiled normalization rules are damaged', {
    pointer: '/normalizer',
    fix: 'Fetch the file again',
  });
}
