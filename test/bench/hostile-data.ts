// What every process of test/bench/hostile.mjs needs: a vocabulary and the tokens of each case's text, found once.
import { readFileSync, writeFileSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import type { Vocabulary } from '../../grammars/vocabulary.ts';
import { llama3 } from '../conformance/vocabularies.ts';
import { HOSTILE } from '../grammars/hostile/index.ts';

/** Tokens of a text that are walked at most. */
const MOST_TOKENS = 400;
/** Characters of a text that can be so many tokens or more, and are quick to tokenize. */
const MOST_CHARACTERS = 20_000;

export async function writeData(file: string, names: readonly string[]): Promise<void> {
  const { encode, ...vocabulary } = await llama3();
  const tokens = new Map<string, number[]>();
  for (const { name, text } of HOSTILE)
    if (text && names.includes(name)) tokens.set(name, encode(text().slice(0, MOST_CHARACTERS)).slice(0, MOST_TOKENS));
  const joined = Buffer.concat(vocabulary.bytes.map((x) => x ?? new Uint8Array()));
  writeFileSync(
    file,
    serialize({ ...vocabulary, bytes: joined, lengths: vocabulary.bytes.map((x) => x?.length ?? -1), tokens }),
  );
}

export function readData(
  file: string,
  name: string,
): { readonly vocabulary: Vocabulary; readonly tokens: readonly number[] } {
  const { bytes, lengths, tokens, ...vocabulary } = deserialize(readFileSync(file));
  let at = 0;
  const split = lengths.map((length: number) => (length < 0 ? null : bytes.subarray(at, (at += length))));
  return { vocabulary: { ...vocabulary, bytes: split }, tokens: tokens.get(name) ?? [] };
}
