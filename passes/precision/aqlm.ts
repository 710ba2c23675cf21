import { stepsOf } from '../../compiler/steps.ts';
import { InfcError } from '../../runtime/errors.ts';
import { defineQuantizer } from './quantizer.ts';

/** Codebooks, codes and scales for squared errors that count by the mean squares of the inputs. Throws INFC2073 for formats without codebooks. */
export const aqlm = defineQuantizer({
  name: 'aqlm',
  does: 'weighs the vectors of codebooks by their inputs',
  needs: 'moments',
  *quantize({ name, weights, n, k, format, statistics }) {
    if (!format.encodeMatrix)
      throw new InfcError('INFC2073', `storage format '${format.name}' has no codebooks`, {
        node: name,
        fix: 'Use aqlm with c1x8 or c2x8',
      });
    const planes = format.encodeMatrix(weights, { rows: n, length: k }, statistics?.meanSquare);
    return { weights, planes: yield* stepsOf(planes) };
  },
});
