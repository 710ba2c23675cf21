import { createHash } from 'node:crypto';
import type { Vocabulary } from '../../grammars/vocabulary.ts';

/** The 256 printable stand-ins byte-level BPE writes bytes as. */
const byteOf = new Map<string, number>();
{
  let extra = 0;
  for (let b = 0; b < 256; b++) {
    const plain = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    byteOf.set(String.fromCharCode(plain ? b : 256 + extra++), b);
  }
}

/** Llama 3's 128,256 tokens, from the development dependency `llama3-tokenizer-js`. */
export async function llama3(): Promise<Vocabulary & { encode(text: string): number[] }> {
  const { default: tokenizer } = await import('llama3-tokenizer-js');
  const table: readonly string[] = tokenizer.vocabById;
  const special = new Map<string, number>();
  const hash = createHash('sha256');
  const bytes = table.map((text, id) => {
    hash.update(text).update('\n');
    if (id >= 128_000) {
      special.set(text, id);
      return null;
    }
    return Uint8Array.from(text, (c) => byteOf.get(c) ?? 0);
  });
  return {
    size: table.length,
    bytes,
    eos: [128_001, 128_009],
    special,
    hash: hash.digest('hex'),
    encode: (text) => tokenizer.encode(text, { bos: false, eos: false }),
  };
}
