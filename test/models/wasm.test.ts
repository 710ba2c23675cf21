import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../runtime/plan.ts';
import models from '../bench/models.json';
import { infc } from '../cli/capture.ts';
import { hasModels, modelsFolder } from '../kit/models.ts';

interface Model {
  readonly file: string;
  readonly dims?: string;
  /** Sizes of unnamed dims, in order of appearance. */
  readonly sizes?: readonly number[];
  readonly inputs?: readonly string[];
  /** Outputs that can be compared; `why` says why the others cannot. */
  readonly outputs?: readonly string[];
}

let dir = '';

/** Real models, compiled to Wasm by the command line and compared with onnxruntime-node. Skipped where ../shared is not there. */
describe.skipIf(!hasModels)('real models on Wasm agree with onnxruntime (needs ../shared/models)', () => {
  beforeAll(async () => {
    dir = await mkdtemp(path.join(os.tmpdir(), 'infc-models-'));
  });
  afterAll(async () => {
    if (dir) await rm(dir, { recursive: true, force: true });
  });

  for (const [name, model] of Object.entries<Model>(models)) {
    const file = path.join(modelsFolder, model.file);
    it.skipIf(!existsSync(file))(name, { timeout: 600_000 }, async () => {
      const out = path.join(dir, name);
      const compiled = await infc(['compile', file, '-o', out]);
      expect(compiled.err).toBe('');
      const plan: Plan = JSON.parse(await readFile(path.join(out, 'plan.json'), 'utf8'));
      const args = (model.inputs ?? []).flatMap((i) => ['--input', i]);
      const dims = model.dims ?? unnamed(plan, model.sizes ?? []);
      if (dims) args.push('--dims', dims);
      const { out: json } = await infc([
        'verify',
        out,
        '--against',
        'onnxruntime',
        '--outputs-only',
        '--json',
        ...args,
      ]);
      const result = JSON.parse(json);
      expect(result.error).toBeUndefined();
      const compared = result.outputs.filter((o: { name: string }) => model.outputs?.includes(o.name) ?? true);
      expect(compared.length).toBeGreaterThan(0);
      expect(compared.filter((o: { agrees: boolean }) => !o.agrees)).toEqual([]);
    });
  }
});

function unnamed(plan: Plan, sizes: readonly number[]): string {
  const names = new Set<string>();
  const [entry] = Object.values(plan.entries);
  for (const i of entry?.inputs ?? []) for (const d of i.shape) if (typeof d === 'string') names.add(d);
  return [...names]
    .slice(0, sizes.length)
    .map((n, i) => `${n}=${sizes[i]}`)
    .join(',');
}
