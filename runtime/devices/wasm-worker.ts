import { nodeModule } from '../files.ts';
import { chunkTaker, control, instantiate, type PoolSetup } from './wasm-pool.ts';

/**
 * Polls of the counter before a worker goes to sleep: about half a millisecond. A step of a language model is some hundred launches with less
 * than that between them, and waking up costs more than a launch takes (decode of a 135 M model on two threads: 8 % faster than with 4000).
 */
const SPINS = 200_000;

function work(setup: PoolSetup): never {
  const words = setup.control;
  const takeChunks = chunkTaker(words, instantiate(setup), setup.scratch);
  (port ?? globalThis).postMessage(0); // ready
  for (;;) {
    takeChunks();
    let spins = SPINS;
    while (spins > 0 && Atomics.load(words, control.LEFT) <= 0) spins--;
    if (spins > 0) continue;
    Atomics.add(words, control.SLEEPERS, 1);
    const seen = Atomics.load(words, control.WAKE);
    if (Atomics.load(words, control.LEFT) <= 0) Atomics.wait(words, control.WAKE, seen);
    Atomics.sub(words, control.SLEEPERS, 1);
  }
}

// Node's workers speak through parentPort, browsers' through the global scope.
const port = nodeModule<typeof import('node:worker_threads')>('node:worker_threads')?.parentPort;
if (port) port.once('message', work);
else globalThis.addEventListener('message', (event) => work((event as MessageEvent<PoolSetup>).data), { once: true });
