import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KernelSource } from '../../runtime/devices/device.ts';
import { probeRelaxedSimd } from '../../runtime/devices/probe.ts';
import { shareMemory, WasmDevice } from '../../runtime/devices/wasm.ts';
import type { PlanKernel } from '../../runtime/plan.ts';
import { ADD_F32, binaryF32, get, type HandKernel, i32, kernelModule, MUL_F32, SHL, STORE_I32 } from './wasm-bytes.ts';

let folder: string;
let worker: URL;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'infc-worker-'));
  const { buildArtifactParts } = (await import('../../.build/artifact.mjs' as string)) as {
    buildArtifactParts(outdir: string): Promise<unknown>;
  };
  await buildArtifactParts(folder);
  worker = pathToFileURL(path.join(folder, 'worker.js'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Stores its scratch pointer, as seen by each work item: out[i] = scratch; parameters out, scratch, begin, end. */
const scratchKernel: HandKernel = {
  name: 'scratch',
  parameters: 4,
  locals: 1,
  body: [
    ...[...get(2), 0x21, 4, 0x02, 0x40, 0x03, 0x40, ...get(4), ...get(3), 0x4e, 0x0d, 1],
    ...[...get(0), ...get(4), ...i32(2), SHL, 0x6a, ...get(1), ...STORE_I32],
    ...[...get(4), ...i32(1), 0x6a, 0x21, 4, 0x0c, 0, 0x0b, 0x0b],
  ],
};
/** Traps always; parameters out, begin, end. */
const trap: HandKernel = { name: 'trap', parameters: 3, body: [0x00] };

const plan = (name: string, more: Partial<PlanKernel> = {}): PlanKernel => ({
  name,
  file: 'k.wasm',
  entry: name,
  scalars: [],
  lanes: 1,
  ...more,
});
const source = (variants: KernelSource['variants'] = []): KernelSource => ({
  kernels: [plan('add'), plan('mul'), plan('scratch', { scratch: 48 }), plan('trap')],
  variants,
  read: async (file) =>
    kernelModule([
      binaryF32('add', file === 'k.wasm' ? ADD_F32 : MUL_F32),
      binaryF32('mul', MUL_F32),
      scratchKernel,
      trap,
    ]),
});

describe('WasmDevice', () => {
  it('gives the same results on several threads, launch after launch', async () => {
    const device = WasmDevice.create({ threads: 3, worker });
    await device.load(source());
    const n = 40_000;
    const blocks = [0, 1, 2].map(() => device.allocate(n * 4));
    const [a, b, c] = blocks.map((memory) => ({ memory, offset: 0, bytes: n * 4 }));
    if (!a || !b || !c) throw new Error('no memory');
    const data = Float32Array.from({ length: n }, (_, i) => i % 97);
    device.write(a.memory, 0, new Uint8Array(data.buffer));
    device.write(b.memory, 0, new Uint8Array(new Float32Array(n).fill(1).buffer));
    const launch = (kernel: number, bindings: (typeof a)[]) =>
      device.prepare({ kernel, bindings, scalars: [], grid: [n, 1, 1], work: 1e6 });
    const steps = [launch(0, [a, b, c]), launch(1, [c, b, a])];
    for (let round = 0; round < 200; round++) {
      for (const s of steps) device.launch(s);
      // Let the workers start and fall asleep now and then.
      if (round % 50 === 0) await new Promise((r) => setTimeout(r, 20));
    }
    const out = device.read(a).slice();
    expect(new Float32Array(out.buffer)).toEqual(data.map((v) => v + 200));
    await device.destroy();
  });

  it('gives every thread its own scratch, inside one block', async () => {
    const device = WasmDevice.create({ threads: 3, worker });
    await device.load(source());
    const n = 20_000;
    const out = { memory: device.allocate(n * 4), offset: 0, bytes: n * 4 };
    await new Promise((r) => setTimeout(r, 100));
    const launch = device.prepare({ kernel: 2, bindings: [out], scalars: [], grid: [n, 1, 1], work: 1e6 });
    const seen = new Set<number>();
    for (const until = Date.now() + 10_000; seen.size < 2 && Date.now() < until; ) {
      device.launch(launch);
      for (const p of new Int32Array(device.read(out).slice().buffer)) seen.add(p);
    }
    expect(seen.size).toBeGreaterThanOrEqual(2); // workers take part
    const pointers = [...seen].sort((x, y) => x - y);
    expect(pointers.length).toBeLessThanOrEqual(3);
    pointers.forEach((p, i) => {
      expect(p % 16).toBe(0);
      if (i > 0) expect(p - (pointers[i - 1] ?? 0)).toBeGreaterThanOrEqual(64);
    });
    await device.destroy();
  });

  it('keeps room for the scratch of all threads, whatever its size', async () => {
    const device = WasmDevice.create({ threads: 8, worker });
    await device.load({ ...source(), kernels: [plan('scratch', { scratch: 80 })] });
    const out = { memory: device.allocate(64), offset: 0, bytes: 64 };
    device.launch(device.prepare({ kernel: 0, bindings: [out], scalars: [], grid: [1, 1, 1], work: 1 }));
    const [first = 0] = new Int32Array(device.read(out).slice().buffer);
    expect(out.memory.address - first).toBeGreaterThanOrEqual(8 * 128);
    await device.destroy();
  });

  it('turns a trap on any thread into an error and goes on', async () => {
    for (const threads of [1, 2]) {
      const device = WasmDevice.create({ threads, worker });
      await device.load(source());
      const out = { memory: device.allocate(64), offset: 0, bytes: 64 };
      const launch = device.prepare({ kernel: 3, bindings: [out], scalars: [], grid: [8, 1, 1], work: 1e9 });
      expect(() => device.launch(launch)).toThrow(/INFC6019.*trap/);
      const fine = device.prepare({ kernel: 0, bindings: [out, out, out], scalars: [], grid: [16, 1, 1], work: 1e9 });
      device.launch(fine);
      await device.destroy();
    }
  });

  it('reuses freed memory and refuses what cannot fit, saying how much was asked for', async () => {
    const device = WasmDevice.create({ threads: 1 });
    const [a, b, c] = [1000, 2000, 3000].map((n) => device.allocate(n));
    if (!a || !b || !c) throw new Error('no memory');
    device.free(b);
    device.free(a);
    const again = device.allocate(2900);
    expect(again.address).toBe(a.address);
    device.free(c);
    device.free(again);
    expect(device.allocate(10).address).toBe(a.address);
    expect(() => device.allocate(2 ** 33)).toThrow(/INFC6011.*85899\d{5} bytes/);
    expect(() => device.allocate(Number.NaN)).toThrow('INFC6011');
    expect(() => WasmDevice.create({ threads: 0 })).toThrow('INFC6021');
  });

  it('takes a variant only where its features pass the probe', async () => {
    const relaxed = probeRelaxedSimd().has('relaxed-madd');
    for (const [features, use] of [
      [['relaxed-madd'], relaxed],
      [['no-such-feature'], false],
      [[], true],
    ] as const) {
      const device = WasmDevice.create({ threads: 1 });
      await device.load(source([{ file: 'k.wasm', use: 'k.relaxed.wasm', features }]));
      const memory = device.allocate(64);
      const at = (offset: number) => ({ memory, offset, bytes: 16 });
      device.write(memory, 0, new Uint8Array(Float32Array.of(3, 3, 3, 3, 5, 5, 5, 5).buffer));
      device.launch(
        device.prepare({ kernel: 0, bindings: [at(0), at(16), at(32)], scalars: [], grid: [4, 1, 1], work: 1 }),
      );
      expect(new Float32Array(device.read(at(32)).slice().buffer)[0]).toBe(use ? 15 : 8);
    }
  });

  it('refuses kernel files that are damaged', async () => {
    const device = WasmDevice.create({ threads: 1 });
    const bytes = kernelModule([trap]);
    const broken = { ...source(), read: async () => bytes.slice(0, bytes.length - 3) };
    await expect(device.load(broken)).rejects.toThrow(/INFC6022.*k\.wasm/);
    await expect(device.load({ ...source(), read: async () => bytes })).rejects.toThrow(/INFC6022.*'add'/);
  });

  it('declares the memory import shared or not', () => {
    const bytes = kernelModule([trap]);
    const shared = shareMemory(bytes, true);
    expect([...bytes.keys()].filter((i) => bytes[i] !== shared[i])).toHaveLength(1);
    expect(shareMemory(shared, false)).toEqual(bytes);
    expect(WebAssembly.validate(shared)).toBe(true);
    const none = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    expect(shareMemory(none, true)).toEqual(none);
  });
});
