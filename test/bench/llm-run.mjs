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
  const { slots = 1 } = model.plan?.generation ?? {};
  const slot = slots > 1 ? { slot: 0 } : {};
  const largest = (a) => a.reduce((m, v, i) => (v > a[m] ? i : m), 0);
  let prefill = Number.POSITIVE_INFINITY;
  let logits;
  for (let i = 0; i < 4; i++) {
    const start = performance.now();
    ({ logits } = await model.run(ids(prompt), { entry: 'prefill', symbols: { past: 0, ...slot } }));
    prefill = Math.min(prefill, performance.now() - start);
  }
  let token = largest(logits.data);
  const first = prompt.slice(0, COMPARED);
  const short = (await model.run(ids(first), { entry: 'prefill', symbols: { past: 0, ...slot } })).logits.data;
  const top = short[largest(short)];
  const sum = Math.log(short.reduce((s, v) => s + Math.exp(v - top), 0)) + top;
  const sample = Array.from(short, (v) => v - sum).filter((_, i) => i % STRIDE === 0);
  await model.run(ids(prompt), { entry: 'prefill', symbols: { past: 0, ...slot } });
  const tokens = [token];
  const times = [];
  for (let i = 0; i < steps; i++) {
    const start = performance.now();
    ({ logits } = await model.run(ids([token]), { entry: 'decode', symbols: { past: PROMPT + i, ...slot } }));
    times.push(performance.now() - start);
    token = largest(logits.data);
    tokens.push(token);
  }
  times.sort((a, b) => a - b);
  const batch = slots > 1 ? await measureBatch(model, slots, ids, prompt) : [];
  return { prefill: (PROMPT * 1000) / prefill, decode: 1000 / times[steps >> 1], prompt: first, logits: sample, tokens, batch };
}

/** Tokens a second of 1, 2, 4... sequences at once, each behind the same prompt; the sizes take turns. */
async function measureBatch(model, slots, ids, prompt, steps = 24) {
  const integers = (list) => ({ shape: [list.length], data: BigInt64Array.from(list, BigInt) });
  const sizes = [1, 2, 4, 8, 16, 32].filter((n) => n <= slots);
  for (let slot = 0; slot < slots; slot++)
    await model.run(ids(prompt), { entry: 'prefill', symbols: { past: 0, slot }, outputs: [] });
  const times = sizes.map(() => []);
  for (let i = 0; i < steps; i++) {
    for (const [k, n] of sizes.entries()) {
      const list = Array.from({ length: n }, (_, s) => prompt[(i + s) % PROMPT]);
      const rows = { slots: integers(list.map((_, s) => s)), positions: integers(list.map(() => PROMPT + i)) };
      const start = performance.now();
      if (n === 1) await model.run(ids(list), { entry: 'decode', symbols: { past: PROMPT + i, slot: 0 } });
      else await model.run({ ...ids(list), ...rows }, { entry: 'batch' });
      times[k].push(performance.now() - start);
    }
  }
  return sizes.map((n, k) => ({ n, rate: (1000 * n) / times[k].sort((a, b) => a - b)[steps >> 1] }));
}
