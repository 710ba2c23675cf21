// Log-probabilities of llama.cpp (through node-llama-cpp) after each token of a text, or the embedding of the text.
//   INFC_PEERS=FOLDER node llama-cpp.mjs model.gguf logits|embedding 1,2,3
// FOLDER has node_modules/node-llama-cpp. Everything is computed in f32, caches too.
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [file, what, list] = process.argv.slice(2);
const tokens = list.split(',').map(Number);
const peers = path.resolve(process.env.INFC_PEERS ?? '.');
const { getLlama } = await import(pathToFileURL(path.join(peers, 'node_modules/node-llama-cpp/dist/index.js')).href);
const llama = await getLlama({ gpu: false, build: 'never', logLevel: process.env.INFC_PEERS_LOG ?? 'error', maxThreads: 1 });
const model = await llama.loadModel({ modelPath: file, defaultContextFlashAttention: false });
if (what === 'embedding') {
  const context = await model.createEmbeddingContext({ contextSize: 512, threads: 1 });
  const { vector } = await context.getEmbeddingFor(tokens);
  process.stdout.write(JSON.stringify([...vector]));
} else {
  const context = await model.createContext({
    contextSize: 64,
    threads: 1,
    flashAttention: false,
    experimentalKvCacheKeyType: 'F32',
    experimentalKvCacheValueType: 'F32',
  });
  const sequence = context.getSequence();
  const next = { generateNext: { probabilities: true, options: { temperature: 1, topK: 0, topP: 1 } } };
  const out = await sequence.controlledEvaluate(tokens.map((t) => [t, next]));
  const rows = out.map((o) => {
    const row = new Array(o.next.probabilities.size).fill(null);
    for (const [token, p] of o.next.probabilities) row[token] = Math.log(p);
    return row;
  });
  // All of it must be out before the process ends.
  await new Promise((done) => process.stdout.write(JSON.stringify(rows), done));
}
process.exit(0);
