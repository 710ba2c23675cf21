import { expect, test } from 'vitest';
import { builtin } from '../../compiler/builtin.ts';
import { createCompiler } from '../../compiler/compile.ts';
import { compareLayers } from '../../compiler/compress/layers.ts';
import { importHf } from '../../compiler/import/hf-config.ts';
import { Registry } from '../../compiler/plugin.ts';
import { tinyLlama } from '../kit/tiny-llama.ts';

const shape = { layers: 2, hidden: 64, heads: 4, kvHeads: 2, inner: 128, vocabulary: 80, positions: 32 };
const texts = [[1, 5, 9, 33, 70, 2, 8, 11]];

/** Layers of a model with a recipe beside the same without. */
const layersWith = (quant: string) => {
  const compiled = (recipe: string | undefined) => (plugins: Parameters<typeof createCompiler>[0]) =>
    createCompiler(plugins).compile(importHf(tinyLlama(shape), new Registry([builtin]), {}, { context: 32 }), {
      ...(recipe === undefined ? {} : { quant: recipe }),
    });
  return compareLayers(
    (plugins) => compiled(quant)({ plugins }),
    (plugins) => compiled(undefined)({ plugins }),
    { kind: 'tokens', texts },
  );
};

test.each(['q8g32', 'w8a8', 'w4a8', 'q8g32+rotate'])(
  '%s: layers are compared as numbers of the model',
  async (quant) => {
    const layers = await layersWith(quant);
    const names = layers.map((l) => l.name);
    expect(names).toContain('model.layers.1.mlp.up_proj');
    // What is added to a rotated stream is not comparable.
    expect(names.includes('model.layers.1.mlp.down_proj')).toBe(!quant.endsWith('rotate'));
    for (const { name, relative, cosine } of layers) {
      expect(relative, name).toBeGreaterThan(0);
      expect(relative, name).toBeLessThan(quant === 'w4a8' ? 0.5 : 0.05);
      expect(cosine, name).toBeGreaterThan(0.85);
    }
  },
);
