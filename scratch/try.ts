import { readFileSync, readdirSync, statSync } from 'node:fs';
import { Registry } from '../compiler/plugin.ts';
import { builtin } from '../compiler/builtin.ts';
import { Reference } from '../backends/reference/evaluate.ts';
import { importOnnx } from '../compiler/import/onnx.ts';
import { externalFilesIn } from '../compiler/import/external-files.ts';
import { runPasses } from '../passes/run.ts';
import { pipeline } from '../passes/pipeline.ts';
import { Scheduler } from '../compiler/schedule.ts';
import { hostFunctions } from '../runtime/host/index.ts';
import { forEachNode } from '../compiler/ir/graph.ts';
import path from 'node:path';
const root = '/work/shared/models';
const registry = new Registry([builtin]);
const want = process.argv[2] ?? '';
const files = readdirSync(root, { recursive: true }).map(String).filter(f => f.endsWith('.onnx') && f.includes(want)).sort();
for (const f of files) {
  const t0 = performance.now();
  try {
    const ref = new Reference({ ops: registry, host: hostFunctions });
    const p = importOnnx(readFileSync(path.join(root, f)), { name: f, evaluate: v => ref.evaluateConstant(v), externalFiles: externalFilesIn(path.dirname(path.join(root, f))) }, registry);
    let n0 = 0; for (const g of p.entries.values()) forEachNode(g, () => n0++);
    const t1 = performance.now();
    runPasses(p, pipeline, { ops: registry, evaluate: v => ref.evaluateConstant(v) });
    let n1 = 0; for (const g of p.entries.values()) forEachNode(g, () => n1++);
    const t2 = performance.now();
    const b = registry.backend('wasm')!; const t = b.target();
    const s = new Scheduler(registry, b, t);
    const sched = s.schedule(p);
    const t3 = performance.now();
    const out = b.print(s.kernels.map(k => k.kernel), t);
    const t4 = performance.now();
    const bytes = out[0]!.content as Uint8Array;
    const m = new WebAssembly.Module(bytes as any);
    console.log('OK', f, 'nodes', n0, '->', n1, 'kernels', s.kernels.length, 'bytes', bytes.length, 'ms import', (t1-t0).toFixed(0), 'passes', (t2-t1).toFixed(0), 'lower', (t3-t2).toFixed(0), 'print', (t4-t3).toFixed(0), 'compile', (performance.now()-t4).toFixed(0));
    if (process.argv[3]) for (const r of s.regions) console.log('  ', r.anchor?.op ?? '', r.nodes.map(n => n.op).join(','), JSON.stringify(r.output.type.shape.map(d => typeof d === 'number' ? d : 'sym')));
  } catch (e) { const x = e as Error; console.log('FAIL', f, process.argv[3] ? x.stack : x.message.slice(0, 200)); }
}
