// Runs a job of gemv-infc.ts in Node or in a page: the fastest call in ms and the largest error relative to the output's size.
export async function runJob({ module, pages, fills, calls, output, expected }, seconds) {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: 65536 });
  for (const { at, bytes } of fills) new Uint8Array(memory.buffer).set(bytes, at);
  const { instance } = await WebAssembly.instantiate(module, { env: { memory } });
  const list = calls.map((steps) => steps.map(({ entry, args }) => [instance.exports[entry], args]));
  let next = 0;
  const step = () => {
    for (const [f, args] of list[next]) f(...args);
    next = (next + 1) % list.length;
  };
  // A sample covers every copy of the weights, and at least half a millisecond.
  const until = (ms, repeat) => {
    let best = Number.POSITIVE_INFINITY;
    const end = performance.now() + ms;
    do {
      const start = performance.now();
      for (let i = 0; i < repeat; i++) step();
      best = Math.min(best, (performance.now() - start) / repeat);
    } while (performance.now() < end);
    return best;
  };
  // A page's clock may stand still during one call.
  const rough = Math.max(1e-3, until(seconds * 500, list.length));
  const best = until(seconds * 1000, Math.max(list.length, Math.ceil(0.5 / rough)));
  const got = new Float32Array(memory.buffer, output.at, output.count);
  const rms = Math.sqrt(expected.reduce((s, v) => s + v * v, 0) / expected.length);
  const error = expected.reduce((m, v, i) => Math.max(m, Math.abs(v - got[i])), 0) / (rms || 1);
  return { ms: best, error };
}
