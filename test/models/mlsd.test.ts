import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { exposeValues } from '../../compiler/cli/expose-values.ts';
import { openOrt } from '../../compiler/cli/onnxruntime.ts';
import { compile } from '../../compiler/compile.ts';
import { compareValues } from '../../compiler/verify.ts';
import type { HostTensor } from '../../runtime/host.ts';
import { player } from '../conformance/onnx-targets.ts';
import { modelsFolder } from '../kit/models.ts';

const file = path.join(modelsFolder, 'mlsd-tiny/mlsd_320x320_tiny.onnx');
const INPUT = 'input_image_with_alpha:0';
/** What enters its Sigmoid. */
const LOGITS = 'WireFrameModel_with_alpha/Decoder/strided_slice_41:0';
const SIDE = 160;

/** Heat where it is the largest of the 3 x 3 around it, 0 elsewhere. */
function peaksOf(heat: Float32Array): Float32Array {
  return heat.map((v, at) => {
    const [y, x] = [Math.floor(at / SIDE), at % SIDE];
    for (let i = Math.max(0, y - 1); i <= Math.min(SIDE - 1, y + 1); i++)
      for (let j = Math.max(0, x - 1); j <= Math.min(SIDE - 1, x + 1); j++) if ((heat[i * SIDE + j] ?? 0) > v) return 0;
    return v;
  });
}

/** A drawing with edges to find, or noise. */
const pictures: Readonly<Record<string, (x: number, y: number, i: number) => number>> = {
  drawing: (x, y) => (Math.abs(x - y) < 4 || (x > 60 && x < 200 && y > 80 && y < 240) ? 220 : 40),
  noise: (_x, _y, i) => (Math.imul(i + 1, 2654435761) >>> 8) / 2 ** 23 - 1,
};

/**
 * `scores` keeps the heat where it is a peak. onnxruntime's Sigmoid gives multiples of 2^-25: where heat is tiny, it makes neighbours equal
 * that are not, and counts both as peaks. Through an exact Sigmoid its own logits give the peaks that infc gives.
 */
describe.skipIf(!existsSync(file))('mlsd-tiny keeps the peaks of onnxruntime (needs ../shared/models)', () => {
  it.each(Object.entries(pictures))('%s', { timeout: 60_000 }, async (_, paint) => {
    const data = Float32Array.from({ length: 320 * 320 * 4 }, (_v, i) =>
      paint((i >> 2) % 320, Math.floor((i >> 2) / 320), i),
    );
    const image: HostTensor = { dtype: 'f32', shape: [1, 320, 320, 4], data };
    const model = await player(await compile(file, { targets: ['wasm'] }));
    const mine = (await model.run({ [INPUT]: image })) as Record<string, HostTensor>;
    await model.dispose();
    const ort = await openOrt('onnxruntime-node', exposeValues(readFileSync(file)), 1, process.cwd());
    const theirs = await ort.run({ [INPUT]: image });
    expect(compareValues('offsets', mine.offsets, theirs.offsets)).toMatchObject({ agrees: true });

    const heat = Float32Array.from(theirs[LOGITS]?.data as Float32Array, (v) => 1 / (1 + Math.exp(-v)));
    const exact: HostTensor = { dtype: 'f32', shape: [1, SIDE, SIDE, 1], data: peaksOf(heat) };
    expect(compareValues('scores', mine.scores, exact)).toMatchObject({ agrees: true });

    const [got, rough] = [mine.scores?.data as Float32Array, theirs.scores?.data as Float32Array];
    const differ = got.reduce((n, v, i) => n + Number((v === 0) !== (rough[i] === 0)), 0);
    console.log(`${differ} of ${rough.filter((v) => v > 0).length} of onnxruntime's own peaks differ`);
    got.forEach((v, i) => {
      if (Math.max(v, rough[i] ?? 0) > 1e-3) expect(Math.abs(v - (rough[i] ?? 0))).toBeLessThan(1e-3 * v);
    });
  });
});
