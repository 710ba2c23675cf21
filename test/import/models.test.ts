import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { builtin } from '../../compiler/builtin.ts';
import { externalFilesIn } from '../../compiler/import/external-files.ts';
import { countOnnxOps, importOnnx } from '../../compiler/import/onnx.ts';
import { type Constant, forEachNode } from '../../compiler/ir/graph.ts';
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
  it.each(Object.entries(models))('%s', (file, model) => {
    const path = resolve(shared, 'models', file);
    const bytes = new Uint8Array(readFileSync(path));
    const counts = countOnnxOps(bytes);
    for (const [op, n] of Object.entries(model.ops)) expect(counts.get(op), op).toBe(n);
    const program = importOnnx(bytes, { name: file, externalFiles: externalFilesIn(dirname(path)) }, registry);
    verifyProgram(program, registry);
    const main = program.entries.get('main');
    expect(main?.inputs.map((v) => v.name)).toEqual(model.inputs.map((v) => v.name));
    expect(main?.outputs.map((v) => [v.name, v.type.shape.length])).toEqual(
      model.outputs.map((v) => [v.name, v.shape.length]),
    );
    let nodes = 0;
    if (main) forEachNode(main, () => nodes++);
    expect(nodes).toBeGreaterThan(0);
    const constants = new Map<string, Constant>();
    for (const g of program.entries.values()) {
      forEachNode(g, (n) => {
        for (const v of n.inputs) if (v?.constant) constants.set(v.constant.name, v.constant);
      });
    }
    const text = printProgram(program);
    expect(printProgram(parseProgram(text, (name) => constants.get(name)))).toBe(text);
  });
});
