import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { builtin } from '../../compiler/builtin.ts';
import { externalFilesIn } from '../../compiler/import/external-files.ts';
import { countOnnxOps, importOnnx } from '../../compiler/import/onnx.ts';
import { forEachNode } from '../../compiler/ir/graph.ts';
import { parseProgram, printProgram } from '../../compiler/ir/text.ts';
import { verifyProgram } from '../../compiler/ir/verify.ts';
import { Registry } from '../../compiler/plugin.ts';

const shared = process.env.INFC_SHARED ?? resolve(import.meta.dirname, '../../../shared');
const manifest = resolve(shared, 'models/manifest.json');

interface Entry {
  readonly ops: Readonly<Record<string, number>>;
  readonly inputs: readonly { readonly name: string }[];
  readonly outputs: readonly { readonly name: string; readonly shape: readonly unknown[] }[];
}

/** Real models beside the project: each imports into a program that keeps the rules, and prints and parses back. */
describe.skipIf(!existsSync(manifest))(`real models (${manifest})`, () => {
  const models: Record<string, Entry> = existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')) : {};
  const registry = new Registry([builtin]);
  // Retired experimental ops of 2017 that no later standard has.
  const retired = new Set(['ImageScaler', 'Crop', 'Affine']);
  it.each(Object.entries(models))('%s', (file, model) => {
    const path = resolve(shared, 'models', file);
    const bytes = new Uint8Array(readFileSync(path));
    const counts = countOnnxOps(bytes);
    for (const [op, n] of Object.entries(model.ops)) expect(counts.get(op), op).toBe(n);
    const load = () => importOnnx(bytes, { name: file, externalFiles: externalFilesIn(dirname(path)) }, registry);
    if (Object.keys(model.ops).some((op) => retired.has(op) && !registry.onnxOp('', op))) {
      expect(load).toThrow(/INFC1060/);
      return;
    }
    const program = load();
    verifyProgram(program, registry);
    const main = program.entries.get('main');
    expect(main?.inputs.map((v) => v.name)).toEqual(model.inputs.map((v) => v.name));
    expect(main?.outputs.map((v) => [v.name, v.type.shape.length])).toEqual(
      model.outputs.map((v) => [v.name, v.shape.length]),
    );
    let nodes = 0;
    if (main) forEachNode(main, () => nodes++);
    expect(nodes).toBeGreaterThan(0);
    const constants = new Map<string, NonNullable<(typeof collected)[number]>>();
    const collected = [...program.entries.values()].flatMap((g) => {
      const list: NonNullable<NonNullable<(typeof g.inputs)[number]>['constant']>[] = [];
      forEachNode(g, (n) => {
        for (const v of n.inputs) if (v?.constant) list.push(v.constant);
      });
      return list;
    });
    for (const c of collected) constants.set(c.name, c);
    const text = printProgram(program);
    expect(printProgram(parseProgram(text, (name) => constants.get(name)))).toBe(text);
  });
});
