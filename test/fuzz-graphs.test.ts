import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { createCompiler } from '../compiler/compile.ts';
import { numbersOf } from '../compiler/tensor-values.ts';
import { InfcError } from '../runtime/errors.ts';
import type { HostTensor } from '../runtime/host.ts';
import { player } from './conformance/onnx-targets.ts';
import { randomModel } from './kit/random-onnx.ts';

/** Graphs to try; the whole-set run of a release uses more. */
const graphs = Number(process.env.INFC_GRAPHS ?? 120);
const seed = Number(process.env.INFC_FUZZ_SEED ?? Date.now() % 100000000);
const compiler = createCompiler();

/** Why the compiled model and onnxruntime disagree; undefined when they agree, null when either refuses the inputs. */
async function disagreement(s: number, dynamic: boolean): Promise<string | undefined | null> {
  const model = randomModel(s, dynamic);
  const report = (what: string): string => `seed ${s}${dynamic ? ', dynamic' : ''}: ${what}\n${model.text}`;
  if (model.outputs.length === 0) return null;
  const feeds: Record<string, HostTensor> = {};
  const theirs: Record<string, ort.Tensor> = {};
  for (const { name, kind, shape, data } of model.inputs) {
    const dims = [...shape];
    if (kind === 'f32') {
      feeds[name] = { dtype: kind, shape: dims, data: Float32Array.from(data) };
      theirs[name] = new ort.Tensor('float32', Float32Array.from(data), dims);
    } else if (kind === 'i64') {
      feeds[name] = { dtype: kind, shape: dims, data: BigInt64Array.from(data, BigInt) };
      theirs[name] = new ort.Tensor('int64', BigInt64Array.from(data, BigInt), dims);
    } else {
      feeds[name] = { dtype: kind, shape: dims, data: Uint8Array.from(data) };
      theirs[name] = new ort.Tensor('bool', Uint8Array.from(data), dims);
    }
  }
  let wanted: Awaited<ReturnType<ort.InferenceSession['run']>>;
  try {
    const session = await ort.InferenceSession.create(model.bytes, { logSeverityLevel: 4 });
    wanted = await session.run(Object.fromEntries(session.inputNames.map((n) => [n, theirs[n] ?? theirs.x0])) as never);
  } catch {
    return null;
  }
  try {
    const m = await player(await compiler.compile(model.bytes));
    const got = await m.run(feeds);
    await m.dispose();
    for (const name of model.outputs) {
      const [a, b] = [got[name], wanted[name]];
      if (!a || !b || !('data' in a)) return report(`output ${name} is missing`);
      if (a.shape.join() !== b.dims.join())
        return report(`${name} has shape [${a.shape}], onnxruntime says [${b.dims}]`);
      const x = numbersOf(a);
      const y = Float64Array.from(b.data as ArrayLike<number>, Number);
      const top = y.reduce((m0, v) => (Number.isFinite(v) ? Math.max(m0, Math.abs(v)) : m0), 1e-3);
      const at = y.findIndex((v, i) => {
        const u = x[i] ?? Number.NaN;
        return !(u === v || (Number.isNaN(u) && Number.isNaN(v)) || Math.abs(u - v) <= 1e-4 * top);
      });
      if (at >= 0) return report(`${name}[${at}] is ${x[at]}, onnxruntime says ${y[at]}`);
    }
    return undefined;
  } catch (e) {
    // A dynamic size that only fits by being 1 is refused, with a reason: the shapes were typed without knowing it.
    if (dynamic && e instanceof InfcError && e.code === 'INFC6009') return null;
    return report(e instanceof Error ? (e.stack ?? e.message) : String(e));
  }
}

describe('random graphs', () => {
  // A cumulative sum read through a gather; an expansion of a dynamic size that is 1.
  it.each([
    [50321, false],
    [50687, false],
    [40809861, true],
  ])('that once failed (%i, dynamic: %s)', async (s, dynamic) => {
    expect((await disagreement(s, dynamic)) ?? '').toBe('');
  });

  it.each([false, true])(
    'compile to what onnxruntime computes (dynamic: %s)',
    async (dynamic) => {
      let compared = 0;
      const failures: string[] = [];
      for (let i = 0; i < graphs / 2; i++) {
        const reason = await disagreement(seed + i, dynamic);
        if (reason === null) continue;
        compared++;
        if (reason !== undefined) failures.push(reason);
      }
      console.log(`random graphs: seed ${seed}, ${compared} compared, ${failures.length} disagree`);
      expect(failures.slice(0, 5).join('\n\n')).toBe('');
      expect(compared).toBeGreaterThan(graphs / 4);
    },
    Math.max(60000, graphs * 1500),
  );
});
