// Prefill and decode of a loaded language model, in Node or in a page: tokens a second, and the log-probabilities after a few tokens.
const PROMPT = 128;
/** Tokens after which log-probabilities are compared. */
const COMPARED = 6;
/** Every so many entries of the vocabulary. */
export const STRIDE = 25;

export async function measure(model, steps = 48) {
  const vocabulary = model.plan?.generation?.vocabulary ?? 32000;
  const ids = (list) => ({ input_ids: { shape: [1, list.length], data: BigInt64Array.from(list.map(BigInt)) } });
  const prompt = Array.from({ length: PROMPT }, (_, i) => (i * 7919 + 13) % vocabulary);
  const largest = (a) => a.reduce((m, v, i) => (v > a[m] ? i : m), 0);
  let prefill = Number.POSITIVE_INFINITY;
  let logits;
  for (let i = 0; i < 4; i++) {
    const start = performance.now();
    ({ logits } = await model.run(ids(prompt), { entry: 'prefill', symbols: { past: 0 } }));
    prefill = Math.min(prefill, performance.now() - start);
  }
  let token = largest(logits.data);
  const first = prompt.slice(0, COMPARED);
  const short = (await model.run(ids(first), { entry: 'prefill', symbols: { past: 0 } })).logits.data;
  const top = short[largest(short)];
  const sum = Math.log(short.reduce((s, v) => s + Math.exp(v - top), 0)) + top;
  const sample = Array.from(short, (v) => v - sum).filter((_, i) => i % STRIDE === 0);
  await model.run(ids(prompt), { entry: 'prefill', symbols: { past: 0 } });
  const tokens = [token];
  const times = [];
  for (let i = 0; i < steps; i++) {
    const start = performance.now();
    ({ logits } = await model.run(ids([token]), { entry: 'decode', symbols: { past: PROMPT + i } }));
    times.push(performance.now() - start);
    token = largest(logits.data);
    tokens.push(token);
  }
  times.sort((a, b) => a - b);
  return { prefill: (PROMPT * 1000) / prefill, decode: 1000 / times[steps >> 1], prompt: first, logits: sample, tokens };
}
