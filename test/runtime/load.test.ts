import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { load, type Plan } from '../../runtime/index.ts';
import { readWeightsHeader } from '../../runtime/weights.ts';
import { ADD_F32, binaryF32, kernelModule } from './wasm-bytes.ts';

function safetensors(header: unknown, data: number): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + data);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

const weights = safetensors({ w: { dtype: 'F32', shape: [2], data_offsets: [0, 8] }, ' ': {} }, 8);
const good = safetensors({ w: { dtype: 'F32', shape: [2], data_offsets: [0, 8] }, pad: { data_offsets: [8, 8] } }, 8);

const plan = (bytes: number, more: Partial<Plan> = {}): Plan => ({
  infc: 1,
  minor: 0,
  name: 'weights',
  target: { kind: 'wasm', features: [] },
  symbols: {},
  buffers: [
    { role: 'weight', dtype: 'f32', shape: [2], tensor: 'w' },
    { role: 'output', dtype: 'f32', shape: [2], name: 'y' },
  ],
  kernels: [{ name: 'add', file: 'k.wasm', entry: 'add', scalars: [], lanes: 1 }],
  weights: [{ file: 'w.safetensors', bytes }],
  entries: {
    main: {
      inputs: [],
      outputs: [{ name: 'y', buffer: 1, dtype: 'f32', shape: [2] }],
      guards: [],
      steps: [{ kind: 'kernel', kernel: 0, bind: [0, 0, 1], grid: [2, 1, 1] }],
    },
  },
  host: [],
  ...more,
});
const files = (w: Uint8Array) => ({ 'w.safetensors': w, 'k.wasm': kernelModule([binaryF32('add', ADD_F32)]) });
const open = (w: Uint8Array, more: Partial<Plan> = {}, options = {}) =>
  load({ plan: plan(w.length, more), files: files(w) }, { threads: 1, ...options });

describe('load', () => {
  it('reads weights and reports progress', async () => {
    const seen: string[] = [];
    const model = await open(
      good,
      {},
      {
        onProgress: (p: { phase: string; bytes: number; totalBytes: number }) =>
          seen.push(`${p.phase} ${p.bytes === p.totalBytes}`),
      },
    );
    expect(seen).toEqual(['weights true', 'kernels true']);
    expect((await model.run({})).y?.shape).toEqual([2]);
    await model.dispose();
    await model.dispose();
  });

  it('reads files that a bundler inlined', async () => {
    const base64 = (bytes: Uint8Array) =>
      new URL(`data:application/octet-stream;base64,${Buffer.from(bytes).toString('base64')}`);
    const text = new URL(`data:application/json,${encodeURIComponent(JSON.stringify(plan(good.length)))}`);
    const inlined = Object.fromEntries(Object.entries(files(good)).map(([name, bytes]) => [name, base64(bytes)]));
    await using model = await load({ plan: text, files: inlined }, { threads: 1 });
    expect((await model.run({})).y?.shape).toEqual([2]);
  });

  it('names what is wrong', async () => {
    await expect(open(weights)).rejects.toThrow(/INFC6013.*' '/);
    await expect(open(safetensors('{', 8))).rejects.toThrow(/INFC6013.*JSON.*w\.safetensors/);
    await expect(open(safetensors({ w: { data_offsets: [0, 4] } }, 8))).rejects.toThrow(/INFC6013.*'w' has 4 bytes.*8/);
    await expect(open(safetensors({}, 8))).rejects.toThrow(/INFC6013.*no bytes/);
    await expect(load({ plan: plan(7), files: files(good) })).rejects.toThrow('INFC6013');
    await expect(load({ plan: plan(7000), files: files(good) })).rejects.toThrow('INFC6013');
    await expect(load({ plan: plan(good.length) })).rejects.toThrow(/INFC6012.*w\.safetensors/);
    await expect(load('/no/such/folder')).rejects.toThrow(/INFC6012.*no\/such\/folder\/plan\.json/);
    await expect(open(good, { target: { kind: 'abacus', features: [] } })).rejects.toThrow(/INFC6020.*abacus/);
    await expect(open(good, { weights: [{ file: 'w.safetensors', bytes: 2 ** 40 }] })).rejects.toThrow(
      /INFC6025.*10995\d{8}/,
    );
    const generation = {
      kind: 'decoder',
      entries: { prefill: 'main', decode: 'main' },
      context: 9,
      vocabulary: 2,
      eos: [],
      stateBytes: 2 ** 34,
    } as const;
    await expect(open(good, { generation })).rejects.toThrow(/INFC6025.*171798\d{5}.*--context/);
    const entries = { main: { inputs: [], outputs: [], guards: [], steps: [], arena: 2 ** 33 } };
    await expect(open(good, { entries })).rejects.toThrow(/INFC6025.*85899\d{5}/);
    await expect(open(good, {}, { signal: AbortSignal.abort() })).rejects.toThrow('INFC6010');
  });

  it('never reads outside of a weights file, whatever its header says', () => {
    const offsets = fc.oneof(
      fc.tuple(fc.integer(), fc.integer()),
      fc.tuple(fc.double(), fc.maxSafeInteger()),
      fc.anything(),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.record({ data_offsets: offsets })), fc.nat(64), (header, data) => {
        const file = safetensors(header, data);
        try {
          const ranges = readWeightsHeader('f', file, file.length);
          if (typeof ranges === 'number') throw new Error('whole file is there');
          for (const r of ranges.values()) {
            expect(r.offset).toBeGreaterThanOrEqual(8);
            expect(r.offset + r.bytes).toBeLessThanOrEqual(file.length);
          }
        } catch (error) {
          expect(String(error)).toContain('INFC6013');
        }
      }),
    );
    expect(() => readWeightsHeader('f', new Uint8Array(4), 4)).toThrow('INFC6013');
    expect(() => readWeightsHeader('f', new Uint8Array(8).fill(255), 100)).toThrow('INFC6013');
  });
});
