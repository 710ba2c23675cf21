import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { onnxruntime } from '../against-onnxruntime.ts';
import { examine } from './compare.ts';
import { randomGraphs } from './index.ts';

/** Same seed, same graphs; INFC_RANDOM_SEED tries others. */
const SEED = Number(process.env.INFC_RANDOM_SEED ?? 20261128);
/** Graphs that all such tests together try. */
const TOTAL = Number(process.env.INFC_RANDOM_GRAPHS ?? 2000);

/**
 * The compiled model, the reference and onnxruntime (where it is installed and takes the model) agree on a share of the random graphs.
 * What fails is shrunk, and shown with its seed.
 */
export function agreesOnRandomGraphs(share: number, most: number, salt: number): void {
  const runs = Math.ceil(TOTAL * share);
  const seed = SEED + salt;
  const ort = onnxruntime();
  it(
    `${runs} graphs of up to ${most} operators, seed ${seed}`,
    async () => {
      let compared = 0;
      let tried = 0;
      let fragile = 0;
      await fc.assert(
        fc.asyncProperty(randomGraphs(most), async (g) => {
          const found = await examine(g, ort);
          tried++;
          if (found.compared) compared++;
          if (found.fragile) fragile++;
          expect(found.compiled, `compiled against the reference\n${g.text}`).toBeUndefined();
          expect(found.onnxruntime, `the reference against onnxruntime\n${g.text}`).toBeUndefined();
        }),
        { numRuns: runs, seed },
      );
      const judge = ort ? `${compared} of them also by onnxruntime` : 'onnxruntime-node is not installed';
      console.log(`random graphs: seed ${seed}, ${tried} compared, ${judge}, ${fragile} by rounding only`);
      if (ort) expect(compared).toBeGreaterThan(runs / 2);
      expect(fragile).toBeLessThan(Math.max(2, runs / 50));
    },
    runs * 500 + 120_000,
  );
}
