import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../kit/root.ts';
import { readTests } from './onnx-data.ts';
import { runTest } from './onnx-run.ts';

const shared = process.env.INFC_SHARED ?? path.join(root, '../shared');

/** Tests that cannot pass, with the reason; the suite fails when one of them starts to. */
const KNOWN: Readonly<Record<string, string>> = {
  ...reason('the data holds one draw of a random op', [
    'test_bernoulli',
    'test_bernoulli_double',
    'test_bernoulli_double_expanded',
    'test_bernoulli_expanded',
    'test_training_dropout_default',
    'test_training_dropout_default_mask',
    'test_training_dropout_mask',
  ]),
  ...reason('the data holds rounding errors of a transform in 32 bits where the exact result is zero', [
    'test_dft_inverse',
    'test_dft_inverse_opset19',
  ]),
  ...reason('image codecs are not part of a compiler of graphs', [
    'test_image_decoder_decode_bmp_rgb',
    'test_image_decoder_decode_jpeg2k_rgb',
    'test_image_decoder_decode_jpeg_bgr',
    'test_image_decoder_decode_jpeg_grayscale',
    'test_image_decoder_decode_png_rgb',
    'test_image_decoder_decode_pnm_rgb',
  ]),
  ...reason('gradients are not inference', ['test_gradient_of_add', 'test_gradient_of_add_and_mul']),
};

function reason(why: string, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((n) => [n, why]));
}

const suites = ['onnx-node-dev.tar.gz', 'onnx-models-dev.tar.gz'].map((f) => path.join(shared, 'conformance', f));

describe("ONNX's backend tests", () => {
  for (const suite of suites) {
    const name = path.basename(suite);
    if (!existsSync(suite)) {
      it.skip(`${name} is not here (set INFC_SHARED)`, () => undefined);
      continue;
    }
    for (const target of ['reference', 'wasm']) {
      it(`${name} on ${target}: all but the known ones`, { timeout: 600_000 }, async () => {
        const tests = readTests(suite);
        expect(tests.length).toBeGreaterThan(100);
        const failed: string[] = [];
        for (const test of tests) {
          const outcome = await runTest(test, target);
          if (outcome.status !== 'passed' && !(test.name in KNOWN))
            failed.push(`${test.name}: ${outcome.status} ${outcome.reason}`);
          if (outcome.status === 'passed' && test.name in KNOWN)
            failed.push(`${test.name} passes now: take it off the list`);
        }
        expect(failed).toEqual([]);
      });
    }
  }
});
