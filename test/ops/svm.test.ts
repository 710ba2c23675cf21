import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attribute as A, type Attribute } from '../import/build-onnx.ts';
import { disagreement, floats, type NodeCase, onnxruntime } from './against-onnxruntime.ts';

const KERNELS = ['LINEAR', 'POLY', 'RBF', 'SIGMOID'] as const;
const number = fc.integer({ min: -16, max: 16 }).map((v) => v / 8);
const row = (size: number) => fc.array(number, { minLength: size, maxLength: size });
const kernelAttributes = fc
  .tuple(fc.constantFrom(...KERNELS), fc.constantFrom(0.125, 0.5, 1), fc.constantFrom(0, 0.5), fc.constantFrom(1, 2, 3))
  .map(([kind, gamma, coef0, degree]) => [
    A.string('kernel_type', kind),
    A.floats('kernel_params', [gamma, coef0, degree]),
  ]);

const machine = (
  op: string,
  attributes: Attribute[],
  x: number[],
  features: number,
  outputs: NodeCase['outputs'],
): NodeCase => ({
  op,
  domain: 'ai.onnx.ml',
  attributes,
  inputs: [floats([x.length / features, features], x)],
  outputs,
  ranks: op === 'SVMClassifier' ? [1, 2] : [2],
});

const absent = onnxruntime() === undefined;
const close = { relative: 2e-4, absolute: 2e-4 };

/** Random machines, as sklearn exports them, against onnxruntime. */
describe(`support vector machines${absent ? ' (onnxruntime-node is absent)' : ''}`, () => {
  it.skipIf(absent)('classify', { timeout: 60_000 }, async () => {
    const classifier = fc
      .record({
        classes: fc.integer({ min: 2, max: 4 }),
        features: fc.integer({ min: 1, max: 3 }),
        kernel: kernelAttributes,
        probabilities: fc.boolean(),
        words: fc.boolean(),
        transform: fc.constantFrom('NONE', 'LOGISTIC', 'SOFTMAX'),
      })
      .chain((s) =>
        fc.array(fc.integer({ min: 1, max: 3 }), { minLength: s.classes, maxLength: s.classes }).chain((perClass) => {
          const total = perClass.reduce((p, q) => p + q, 0);
          const pairs = (s.classes * (s.classes - 1)) / 2;
          return fc.record({
            x: row(s.features * 3),
            vectors: row(total * s.features),
            coefficients: row((s.classes - 1) * total),
            rho: row(pairs),
            slopes: row(pairs),
            offsets: row(pairs),
            settings: fc.constant(s),
            perClass: fc.constant(perClass),
          });
        }),
      );
    await fc.assert(
      fc.asyncProperty(classifier, async ({ settings: s, perClass, ...v }) => {
        const names = perClass.map((_, i) => i);
        const attributes = [
          ...s.kernel,
          A.floats('support_vectors', v.vectors),
          A.ints('vectors_per_class', perClass),
          A.floats('coefficients', v.coefficients),
          A.floats('rho', v.rho),
          A.string('post_transform', s.transform),
          s.words
            ? A.strings(
                'classlabels_strings',
                names.map((i) => `c${i}`),
              )
            : A.ints(
                'classlabels_ints',
                names.map((i) => i * 3),
              ),
          ...(s.probabilities ? [A.floats('prob_a', v.slopes), A.floats('prob_b', v.offsets)] : []),
        ];
        const c = machine('SVMClassifier', attributes, v.x, s.features, [s.words ? 'string' : 'i64', 'f32']);
        expect(await disagreement(c, close)).toBeUndefined();
      }),
      { numRuns: 40 },
    );
  });

  it.skipIf(absent)('regress, and tell outliers', { timeout: 60_000 }, async () => {
    const regressor = fc
      .record({
        features: fc.integer({ min: 1, max: 3 }),
        supports: fc.integer({ min: 0, max: 4 }),
        one: fc.boolean(),
        kernel: kernelAttributes,
      })
      .chain((s) =>
        fc.record({
          settings: fc.constant(s),
          x: row(s.features * 3),
          vectors: row(s.supports * s.features),
          coefficients: row(s.supports === 0 ? s.features : s.supports),
          rho: row(1),
        }),
      );
    await fc.assert(
      fc.asyncProperty(regressor, async ({ settings: s, ...v }) => {
        const attributes = [
          ...s.kernel,
          ...(s.supports > 0 ? [A.floats('support_vectors', v.vectors), A.int('n_supports', s.supports)] : []),
          A.floats('coefficients', v.coefficients),
          A.floats('rho', v.rho),
          ...(s.one && s.supports > 0 ? [A.int('one_class', 1)] : []),
        ];
        expect(
          await disagreement(machine('SVMRegressor', attributes, v.x, s.features, ['f32']), close),
        ).toBeUndefined();
      }),
      { numRuns: 30 },
    );
  });
});
