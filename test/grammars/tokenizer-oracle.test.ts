import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { vocabularyFromTokenizerJson } from '../../grammars/tokenizer/index.ts';
import { TOKENIZER_FILES, TOKENIZER_TEXTS } from './tokenizer-files.ts';

/**
 * Ids that Hugging Face's own library (Rust, `tokenizers` 0.23.2, special tokens read as text) gives. To ask it again:
 * `INFC_TOKENIZERS=python3 npm test -- test/grammars/tokenizer-oracle.test.ts`, with the package installed there; `INFC_RECORD=1` writes.
 */
const FILE = new URL('./golden/tokenizer-oracle.json', import.meta.url);

const PROGRAM = `
import json, sys
from tokenizers import Tokenizer
asked = json.load(sys.stdin)
out = {}
for name, doc in asked['files'].items():
    tokenizer = Tokenizer.from_str(json.dumps(doc))
    tokenizer.encode_special_tokens = True
    out[name] = [tokenizer.encode(text, add_special_tokens=False).ids for text in asked['texts']]
print(json.dumps(out, separators=(',', ':')))
`;

function recorded(): Record<string, number[][]> {
  const python = process.env.INFC_TOKENIZERS;
  if (python === undefined) return JSON.parse(readFileSync(FILE, 'utf8'));
  const answer = execFileSync(python, ['-c', PROGRAM], {
    input: JSON.stringify({ files: TOKENIZER_FILES, texts: TOKENIZER_TEXTS }),
    encoding: 'utf8',
  });
  if (process.env.INFC_RECORD) writeFileSync(FILE, answer);
  return JSON.parse(answer);
}

describe('encoding as Hugging Face tokenizers do', () => {
  const oracle = recorded();
  it.each(Object.keys(TOKENIZER_FILES))('%s', (name) => {
    const { encode } = vocabularyFromTokenizerJson(TOKENIZER_FILES[name]);
    const found = TOKENIZER_TEXTS.map((text) => [text, encode?.(text)]);
    expect(found).toEqual(TOKENIZER_TEXTS.map((text, i) => [text, oracle[name]?.[i]]));
  });
});
