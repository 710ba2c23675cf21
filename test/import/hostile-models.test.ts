import { describe, expect, it } from 'vitest';
import { builtin } from '../../compiler/builtin.ts';
import { memorySource } from '../../compiler/import/byte-source.ts';
import { importGguf } from '../../compiler/import/gguf/import.ts';
import { openGguf } from '../../compiler/import/gguf/reader.ts';
import { architectures, importHf } from '../../compiler/import/hf-config.ts';
import { openSafetensors } from '../../compiler/import/safetensors.ts';
import { Registry } from '../../compiler/plugin.ts';
import { InfcError } from '../../runtime/errors.ts';
import { tinyModels } from '../oracle/tiny/index.ts';
import { ggufOf, safetensorsOf, type TinyModel } from '../oracle/tiny-model.ts';

/** Wrong settings of language models, one at a time: each an InfcError, soon, or a model. */
const registry = new Registry([builtin]);
const SLOWEST_MS = 10_000;
const rounds = Number(process.env.INFC_FUZZ_ROUNDS ?? 1);
const seed = Number(process.env.INFC_FUZZ_SEED ?? Date.now() % 2147483647);

const NASTY: readonly unknown[] = [
  0,
  -1,
  1,
  1.5,
  7,
  50_000,
  1e9,
  2 ** 31,
  1e300,
  '',
  'x',
  null,
  true,
  [],
  {},
  [0],
  { rope_type: 'x' },
];

/** Every way to put a wrong value in the place of one of a config's. */
function wrong(config: Readonly<Record<string, unknown>>): { key: string; value: unknown; config: unknown }[] {
  return Object.keys(config).flatMap((key) =>
    [...NASTY, undefined].map((value) => ({ key, value, config: { ...config, [key]: value } })),
  );
}

function mustRefuseOrBuild(what: string, build: () => unknown): void {
  const started = performance.now();
  try {
    build();
  } catch (error) {
    if (!(error instanceof InfcError)) throw new Error(`${what} gives ${String(error)}`, { cause: error });
    expect(error.reason, what).not.toBe('');
  }
  expect(performance.now() - started, `${what} takes too long`).toBeLessThan(SLOWEST_MS);
}

/** A few models of each kind each time, others another time. */
const chosen = (model: TinyModel): boolean => (hash(`${model.name} ${seed}`) & 3) === 0 || rounds > 1;
const hash = (text: string): number =>
  [...text].reduce((h, c) => Math.imul(h ^ c.charCodeAt(0), 16777619) >>> 0, 2166136261);

describe(`hostile settings, INFC_FUZZ_SEED=${seed}`, () => {
  it.each(tinyModels.filter(chosen).map((m) => [m.name, m] as const))('config.json of %s', (_, model) => {
    const weights = [openSafetensors(memorySource('model.safetensors', safetensorsOf(model)))];
    for (const { key, value, config } of wrong(model.config)) {
      const text = JSON.stringify(config);
      mustRefuseOrBuild(`${key} = ${JSON.stringify(value)}`, () =>
        importHf({ name: 'tiny', config: { file: 'config.json', text }, weights }, registry),
      );
    }
  });

  it.each(tinyModels.filter((m) => m.gguf && chosen(m)).map((m) => [m.name, m] as const))('GGUF of %s', (_, model) => {
    const good = ggufOf(model);
    let state = seed;
    const next = (n: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % n;
    };
    const header = Math.min(good.length, 2500);
    for (let i = 0; i < 150 * rounds; i++) {
      const bytes = i % 8 === 0 ? good.slice(0, next(good.length)) : good.slice();
      const at = next(Math.min(header, bytes.length));
      const values = [[0], [255], [255, 255, 255, 127], [0, 0, 0, 128], [0, 0, 0, 0], [next(256)]][next(6)] ?? [];
      for (const [k, v] of values.entries()) if (at + k < bytes.length) bytes[at + k] = v;
      mustRefuseOrBuild(`byte ${at} = ${values.join()} of ${bytes.length}`, () =>
        importGguf(
          { name: 'tiny', files: [openGguf(memorySource('model.gguf', bytes))] },
          architectures,
          registry,
          {},
          {},
        ),
      );
    }
  });
});
