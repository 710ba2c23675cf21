import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDimBounds, parseDimValues, readInput, readInputs } from '../../compiler/cli/inputs.ts';
import { decodeNpy, encodeNpy } from '../../compiler/cli/npy.ts';
import { numbersOf } from '../../compiler/tensor-values.ts';

const x = { name: 'x', dtype: 'f32', shape: [2, 3] } as const;

describe('.npy', () => {
  it('round-trips every type NumPy has', () => {
    const shape = [2, 2];
    for (const tensor of [
      { dtype: 'f32', shape, data: Float32Array.of(1, -2, Number.NaN, 4.5) },
      { dtype: 'f64', shape, data: Float64Array.of(1, -2, 3, 4.5) },
      { dtype: 'i64', shape, data: BigInt64Array.of(1n, -2n, 3n, 1n << 60n) },
      { dtype: 'u8', shape, data: Uint8Array.of(1, 2, 3, 255) },
      { dtype: 'bool', shape, data: Uint8Array.of(1, 0, 0, 1) },
      { dtype: 'f16', shape, data: Uint16Array.of(0x3c00, 0, 0x7c00, 1) },
      { dtype: 'i32', shape: [4], data: Int32Array.of(1, -2, 3, 4) },
      { dtype: 'f32', shape: [], data: Float32Array.of(7) },
    ] as const) {
      expect(decodeNpy(encodeNpy(tensor), 't.npy')).toEqual(tensor);
      // NumPy's format: the data starts at a multiple of 64.
      expect((encodeNpy(tensor).length - tensor.data.byteLength) % 64).toBe(0);
    }
  });

  it('reads a small file as it is, pooled Buffer or not', async () => {
    const dir = await mkdtemp(path.join(os.tmpdir(), 'infc-npy-'));
    const data = Float32Array.of(1, 2, 3, 4, 5, 6);
    await writeFile(path.join(dir, 'x.npy'), encodeNpy({ dtype: 'f32', shape: [2, 3], data }));
    expect((await readInput(x, 'x.npy', dir)).data).toEqual(data);
    const pooled = Buffer.concat([Buffer.alloc(8), encodeNpy({ dtype: 'f32', shape: [2, 3], data })]).subarray(8);
    expect(decodeNpy(pooled, 'x.npy').data).toEqual(data);
    await rm(dir, { recursive: true });
  });

  it('reads big-endian and Fortran order', () => {
    const bytes = encodeNpy({ dtype: 'i16', shape: [2, 3], data: Int16Array.of(1, 2, 3, 4, 5, 6) });
    const text = Buffer.from(bytes).toString('latin1').replace("'<i2'", "'>i2'").replace('False', 'True ');
    const read = decodeNpy(Uint8Array.from(Buffer.from(text, 'latin1')), 't.npy');
    expect([...numbersOf(read)]).toEqual([256, 768, 1280, 512, 1024, 1536]);
  });

  it('refuses damaged files with INFC8010 and never anything else', () => {
    const good = encodeNpy({ dtype: 'f32', shape: [2, 3], data: new Float32Array(6) });
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.boolean(), (at, value, cut) => {
        const bytes = good.slice(0, cut ? at : good.length);
        if (!cut) bytes[at] = value;
        try {
          decodeNpy(bytes, 't.npy');
        } catch (error) {
          expect(String(error)).toContain('INFC8010');
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('inputs', () => {
  it('makes the same random tensor every time, another for another seed or name', async () => {
    const a = await readInput(x, 'random:7', '.');
    expect(await readInput(x, 'random:7', '.')).toEqual(a);
    expect((await readInput(x, 'random:8', '.')).data).not.toEqual(a.data);
    expect((await readInput({ ...x, name: 'y' }, 'random:7', '.')).data).not.toEqual(a.data);
    expect([...numbersOf(a)].every((v) => v >= -1 && v < 1)).toBe(true);
    const ids = await readInput({ name: 'ids', dtype: 'i64', shape: [100] }, 'random:1:5:9', '.');
    expect(new Set(numbersOf(ids))).toEqual(new Set([5, 6, 7, 8, 9]));
  });

  it('reads JSON, fills and raw files', async () => {
    expect([...numbersOf(await readInput(x, '[[1,2,3],[4,5,6]]', '.'))]).toEqual([1, 2, 3, 4, 5, 6]);
    expect([...numbersOf(await readInput(x, '2.5', '.'))]).toEqual(Array(6).fill(2.5));
    expect([...numbersOf(await readInput(x, 'ones', '.'))]).toEqual(Array(6).fill(1));
    expect((await readInput({ name: 'i', dtype: 'i64', shape: [] }, '3', '.')).data).toEqual(BigInt64Array.of(3n));
    const dir = await mkdtemp(path.join(os.tmpdir(), 'infc-'));
    try {
      await writeFile(path.join(dir, 'a.bin'), Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6).buffer));
      await writeFile(path.join(dir, 'a.npy'), encodeNpy({ dtype: 'f64', shape: [2, 3], data: new Float64Array(6) }));
      expect([...numbersOf(await readInput(x, 'a.bin', dir))]).toEqual([1, 2, 3, 4, 5, 6]);
      expect((await readInput(x, 'a.bin@3,2', dir)).shape).toEqual([3, 2]);
      expect((await readInput(x, 'a.npy', dir)).dtype).toBe('f32');
      await expect(readInput(x, 'a.bin@7', dir)).rejects.toThrow('INFC8010');
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it('refuses what it cannot read, with a fix', async () => {
    await expect(readInput(x, 'randm', '.')).rejects.toThrow('Did you mean x=random?');
    await expect(readInput(x, '[[1,2],[3]]', '.')).rejects.toThrow('ragged');
    await expect(readInput(x, '["a"]', '.')).rejects.toThrow('numbers expected');
    await expect(readInputs([x], ['xx=zeros'], '.')).rejects.toThrow("Did you mean 'x'?");
    await expect(readInputs([x], ['zeros'], '.')).rejects.toThrow('NAME=SOURCE');
  });

  it('reads dims', () => {
    expect(parseDimValues(['n=4|h=8', 'w=2'])).toEqual({ n: 4, h: 8, w: 2 });
    expect(parseDimBounds(['n=4', 'seq=1:4096,k=8:64:8'])).toEqual({
      n: 4,
      seq: { min: 1, max: 4096 },
      k: { min: 8, max: 64, multipleOf: 8 },
    });
    expect(() => parseDimBounds(['seq=9:1'])).toThrow('INFC8003');
    expect(() => parseDimValues(['seq'])).toThrow('INFC8003');
  });
});
