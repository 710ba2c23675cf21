import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { readTests, readValue } from './onnx-data.ts';

it('a folder of backend tests is read as an archive is: small files own their bytes', async () => {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'infc-onnx-'));
  try {
    const set = path.join(dir, 'node', 'test_a', 'test_data_set_0');
    await mkdir(set, { recursive: true });
    await writeFile(path.join(dir, 'node', 'test_a', 'model.onnx'), '');
    // A TensorProto by hand: dims [2], data_type 1 (f32), raw_data of 8 bytes.
    const tensor = Uint8Array.of(0x08, 2, 0x10, 1, 0x4a, 8, ...new Uint8Array(Float32Array.of(1.5, -2).buffer));
    await writeFile(path.join(set, 'input_0.pb'), tensor);
    const [test] = readTests(dir);
    expect(test?.name).toBe('test_a');
    const bytes = test?.files.get('test_data_set_0/input_0.pb') ?? new Uint8Array(0);
    expect(readValue(bytes, undefined)).toEqual({ dtype: 'f32', shape: [2], data: Float32Array.of(1.5, -2) });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
