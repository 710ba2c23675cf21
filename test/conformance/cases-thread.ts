// The thread behind cases.ts: reads the cases and tokenizes their instances.
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { gunzipSync } from 'node:zlib';
import { vocabularyFromTokenizerJson } from '../../grammars/tokenizer/index.ts';
import { InfcError } from '../../runtime/errors.ts';
import type { Case, Selection } from './cases.ts';
import { llama3 } from './vocabularies.ts';

const { files, vocab, every, offset, only } = workerData as Selection;
const vocabulary = vocab === undefined ? await llama3() : vocabularyFromTokenizerJson(readFileSync(vocab, 'utf8'));
const { encode, ...rest } = vocabulary;
if (!encode)
  throw new InfcError('INFC5204', `${vocab} has a way of cutting text that is not known`, {
    fix: 'Use another tokenizer',
  });

const lines: string[] = [];
for (const file of files)
  for (const line of gunzipSync(readFileSync(file)).toString().split('\n')) if (line) lines.push(line);
const chosen = lines.filter((line, i) =>
  only === undefined ? i % every === offset : (JSON.parse(line) as Case).id === only,
);

parentPort?.postMessage({ vocabulary: { ...rest, bytes: inOneBuffer(rest.bytes) }, count: chosen.length });
parentPort?.on('message', (index: number) => {
  const line = chosen[index] ?? '';
  const { tests } = JSON.parse(line) as Case;
  parentPort?.postMessage({ line, tokens: tests.map(({ text }) => Int32Array.from(encode(text))) });
});

/** The same bytes as views of one buffer, which is less to send and to collect. */
function inOneBuffer(bytes: readonly (Uint8Array | null)[]): (Uint8Array | null)[] {
  const all = new Uint8Array(bytes.reduce((sum, own) => sum + (own?.length ?? 0), 0));
  let at = 0;
  return bytes.map((own) => {
    if (!own) return null;
    all.set(own, at);
    at += own.length;
    return all.subarray(at - own.length, at);
  });
}
