// usage: models.mjs FILTER [--time]
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { createCompiler } from '../compiler/compile.ts';
import { load, WasmDevice } from '../runtime/index.ts';
import { contentsOf } from '../compiler/plan/weights-file.ts';
import { hostFunctions } from '../runtime/host/index.ts';
import { decodeFloat, encodeFloat } from '../runtime/minifloat.ts';
import * as ort from 'onnxruntime-node';
const root = '/work/shared/models';
const want = process.argv[2] ?? ''; const time = process.argv.includes('--time'); const prof = process.argv.includes('--prof');
const only = (process.env.ONLY ?? '').split(',').filter(Boolean);
const DIMS: Record<string, Record<string, number>> = { 'ppocr-v4-rec': { d0: 1, d1: 320 }, 'ppocr-cls': { d0: 1, d1: 48, d2: 192 }, superres: { N: 1, H: 64, W: 64 }, magika: {}, 'capp-gpt': { past_sequence_length: 0, batch_size: 1, sequence_length: 7, 'past_sequence_length + sequence_length': 7 }, 'silero-vad': {}, melspec: { samples: 16000 }, 'utau': { T: 20 }, g2p: { T: 6, U: 4 }, nnsplit: { length: 30, batch: 1 }, dnsmos: { N: 1 }, style: {} };
let seed = 1; const rnd = () => { seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; return seed / 4294967296; };
const files = readdirSync(root, { recursive: true }).map(String).filter(f => f.endsWith('.onnx') && f.includes(want) && (!only.length || only.some(o => f.includes(o)))).sort();
const rows: string[] = []; const ratios: number[] = [];
for (const f of files) {
  const file = path.join(root, f);
  try {
    const t0 = performance.now();
    const s = await ort.InferenceSession.create(file, { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 });
    const feeds: Record<string, ort.Tensor> = {}; const inputs: Record<string, any> = {};
    const hint = Object.entries(DIMS).find(([k]) => f.includes(k))?.[1] ?? {};
    for (const m of s.inputMetadata as any[]) {
      let i = 0;
      let shape = m.shape.map((d: any, ax: number) => typeof d === 'number' ? d : hint[d] ?? (f.includes('ppocr-v4') ? (ax === 0 ? 1 : 320) : f.includes('ppocr-cls') ? [1, 3, 48, 192][ax] : f.includes('silero') && m.name === 'input' ? [1, 576][ax] : 1));
      if (f.includes('capp-gpt') && m.name === 'attention_mask') shape = [1, 7];
      const n = shape.reduce((a: number, b: number) => a * b, 1);
      let data: any; const dt = m.type;
      if (dt === 'float32') data = Float32Array.from({ length: n }, () => rnd() * 2 - 1);
      else if (dt === 'float16') data = Uint16Array.from({ length: n }, () => encodeFloat('f16', rnd() * 2 - 1));
      else if (dt === 'int64') data = BigInt64Array.from({ length: n }, (_, j) => m.name === 'sr' ? 16000n : m.name.includes('position') ? BigInt(j) : m.name.includes('mask') ? 1n : BigInt(Math.floor(rnd() * 20)));
      else if (dt === 'int32') data = Int32Array.from({ length: n }, () => m.name === 't' ? 2 : Math.floor(rnd() * 20));
      else if (dt === 'uint8') data = Uint8Array.from({ length: n }, () => Math.floor(rnd() * 100));
      else throw new Error('dtype ' + dt);
      feeds[m.name] = new ort.Tensor(dt, data, shape);
      inputs[m.name] = { dtype: ({ float32: 'f32', float16: 'f16', int64: 'i64', int32: 'i32', uint8: 'u8' } as any)[dt], shape, data };
    }
    const expected = await s.run(feeds);
    const t1 = performance.now();
    const c = await createCompiler().compile(file, {});
    const t2 = performance.now();
    const t = c.targets[0]!;
    const fileMap = Object.fromEntries(t.assembled.files.map(x => [x.name, contentsOf(x)]));
    const hostOps = Object.fromEntries(t.plan.host.map(h => [h, hostFunctions(h)!]).filter(x => x[1]));
    const threads = Number(process.env.THREADS ?? 1);
    const m = await load({ plan: t.plan, files: fileMap, hostOps }, { threads, ...(process.env.WORKER ? { worker: process.env.WORKER } : {}), relaxedSimd: false } as any);
    const out = await m.run(inputs as any) as any;
    let worst = 0, where = '';
    for (const [name, e] of Object.entries(expected)) {
      const g = out[name]; if (!g) throw new Error('no output ' + name + ' have ' + Object.keys(out));
      const dt = (e as any).type;
      const val = (d: any, i: number) => dt === 'float16' ? decodeFloat('f16', Number(d[i])) : Number(d[i]);
      const ed: any = dt === 'float16' && !(e.data instanceof Uint16Array) ? Uint16Array.from(e.data as any, (v: any) => encodeFloat('f16', Number(v))) : e.data;
      if (JSON.stringify(g.shape) !== JSON.stringify(e.dims)) throw new Error(`shape ${name} ${g.shape} vs ${e.dims}`);
      let mx = 1e-6; for (let i = 0; i < ed.length; i++) { const a = Math.abs(val(ed, i)); if (a > mx && Number.isFinite(a)) mx = a; }
      for (let i = 0; i < ed.length; i++) { const a = val(ed, i), b = val(g.data, i); const d = (Number.isNaN(a) && Number.isNaN(b)) || a === b ? 0 : Math.abs(a - b) / mx; if (!(d <= worst)) { worst = Number.isNaN(d) ? Infinity : d; where = `${name}[${i}] ort ${a} infc ${b}`; } }
    }
    let line = `${worst < 2e-3 ? 'AGREE' : 'WRONG'} ${f.slice(0, 44)} err ${worst.toExponential(1)} nodes ${c.report.nodesAfter} kernels ${t.kernels.length} compile ${(t2 - t1).toFixed(0)} ms [${c.report.phases.map(p => p.name.split(' ')[0] + ' ' + p.ms.toFixed(0)).join(', ')}] ${worst < 2e-3 ? '' : where}`;
    if (time) {
      const bench = async (g: () => Promise<unknown>) => { const end = performance.now() + 700; let n = 0; while (n < 3 || (performance.now() < end && n < 3000)) { await g(); n++; } const ts: number[] = []; const e2 = performance.now() + 1200; while (ts.length < 5 || (performance.now() < e2 && ts.length < 3000)) { const a = performance.now(); await g(); ts.push(performance.now() - a); } ts.sort((a, b) => a - b); return ts[ts.length >> 1]!; };
      const mine = await bench(() => m.run(inputs as any));
      const native = await bench(() => s.run(feeds));
      let web = NaN;
      try {
        const ow: any = await import('onnxruntime-web'); ow.env.wasm.numThreads = threads; ow.env.logLevel = 'error';
        const opts: any = { executionProviders: ['wasm'], graphOptimizationLevel: 'all', logSeverityLevel: 3 };
        const dir = path.dirname(file); const ext = readdirSync(dir).filter(x => x.endsWith('.data')); if (ext.length) opts.externalData = ext.map(x => ({ path: x, data: new Uint8Array(readFileSync(path.join(dir, x))) }));
        const w = await ow.InferenceSession.create(new Uint8Array(readFileSync(file)), opts);
        const wf: any = {}; for (const [k, v] of Object.entries(feeds)) wf[k] = new ow.Tensor(v.type, v.data, v.dims);
        web = await bench(() => w.run(wf)); await w.release();
      } catch (e) { line += ' web failed ' + String(e).slice(0, 80); }
      line += ` | infc ${mine.toFixed(3)} ms web ${web.toFixed(3)} native ${native.toFixed(3)} ratio(web/infc) ${(web / mine).toFixed(2)}`;
      if (web === web) ratios.push(web / mine);
    }
    console.log(line);
    if (prof) {
      const r = await m.run(inputs as any, { profile: true } as any) as any; 
      const acc = new Map<number, number>(); const seen: any[] = [];
      await m.run(inputs as any, { onStep: (x: any) => seen.push(x), profile: (x: any) => seen.push(x) } as any);
      seen.flat().sort((a: any, b: any) => b.ms - a.ms).slice(0, 25).forEach((x: any) => { const k = t.kernels.find(q => q.kernel.name === x.name); console.log('   ', JSON.stringify(x), k ? k.kernel.note.template + ' ' + JSON.stringify(k.args.map(a => a.kind === 'value' ? a.value.type.shape.map(d => typeof d === 'number' ? d : '?').join('x') : a.kind)) : ''); });
    }
    await m[Symbol.asyncDispose]();
  } catch (e) { const x = e as Error; console.log('FAIL', f, only.length === 1 || want ? x.stack?.slice(0, 1200) : x.message.slice(0, 220)); }
}
if (ratios.length) console.log('geomean ratio', Math.exp(ratios.reduce((a, b) => a + Math.log(b), 0) / ratios.length).toFixed(3), 'over', ratios.length);
process.exit(0);
