// Decoding with several loaded language models in turn, in Node or in a page: for each the lower quartile of the times of its tokens in each round, in
// ms, since other work on the machine only ever adds to a time.
const PROMPT = 128;
/** Tokens of a turn that are not counted: they bring the caches to where a model alone would have them. */
const WARM = 4;

export async function measureRounds(models, { rounds, steps }) {
  const ids = (list) => ({ input_ids: { shape: [1, list.length], data: BigInt64Array.from(list.map(BigInt)) } });
  const largest = (a) => a.reduce((m, v, i) => (v > a[m] ? i : m), 0);
  const first = [];
  for (const model of models) {
    const vocabulary = model.plan?.generation?.vocabulary ?? 32000;
    const prompt = Array.from({ length: PROMPT }, (_, i) => (i * 7919 + 13) % vocabulary);
    const { logits } = await model.run(ids(prompt), { entry: 'prefill', symbols: { past: 0 } });
    first.push(largest(logits.data));
  }
  const times = models.map(() => []);
  for (let round = -1; round < rounds; round++)
    for (let turn = 0; turn < models.length; turn++) {
      const m = (turn + round + models.length) % models.length;
      const own = [];
      let token = first[m];
      for (let i = 0; i < WARM + steps; i++) {
        const start = performance.now();
        const { logits } = await models[m].run(ids([token]), { entry: 'decode', symbols: { past: PROMPT + i } });
        own.push(performance.now() - start);
        token = largest(logits.data);
      }
      if (round >= 0) times[m].push(own.slice(WARM).sort((a, b) => a - b)[steps >> 2]);
    }
  return times;
}
