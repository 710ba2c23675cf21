import { execFileSync } from 'node:child_process';
import path from 'node:path';

/** A folder whose node_modules has node-llama-cpp, when there is one. */
export const peers = process.env.INFC_PEERS;

/** llama.cpp's log-probabilities after each token, or the one row of an embedding. */
export function askLlamaCpp(file: string, what: 'logits' | 'embedding', tokens: readonly number[]): number[][] {
  const script = path.join(import.meta.dirname, 'llama-cpp.mjs');
  const out = execFileSync(process.execPath, [script, file, what, tokens.join(',')], { encoding: 'utf8' });
  const answer = JSON.parse(out);
  return what === 'embedding' ? [answer] : answer;
}
