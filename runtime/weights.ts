import type { Device, DeviceMemory, MemoryRange } from './devices/device.ts';
import { InfcError } from './errors.ts';
import { type FileSource, readChunks } from './files.ts';
import type { PlanWeights } from './plan.ts';

/** Byte ranges of the tensors of a safetensors file, counted from the start of the file. */
export type TensorRanges = ReadonlyMap<string, { readonly offset: number; readonly bytes: number }>;

const bad = (file: string, reason: string): InfcError =>
  new InfcError('INFC6013', `weights file is damaged: ${reason}`, { file, fix: 'Compile the model again' });

/**
 * Reads a safetensors header (little-endian u64 length, then JSON). `head` is the start of the file, `total` its size.
 * Returns the bytes the header needs when `head` is too short. Throws INFC6013 on anything out of range.
 */
export function readWeightsHeader(file: string, head: Uint8Array, total: number): TensorRanges | number {
  if (total < 8) throw bad(file, `it has ${total} bytes`);
  if (head.length < 8) return 8;
  const view = new DataView(head.buffer, head.byteOffset, 8);
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  const start = 8 + length;
  if (start > total) throw bad(file, `its header says ${length} bytes`);
  if (head.length < start) return start;
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(head.slice(8, start)));
  } catch {
    throw bad(file, 'its header is not JSON');
  }
  const ranges = new Map<string, { offset: number; bytes: number }>();
  for (const [name, entry] of Object.entries(header ?? {})) {
    if (name === '__metadata__') continue;
    const range = (entry as { data_offsets?: { 0?: unknown; 1?: unknown } | null } | null)?.data_offsets;
    const [from, to] = [range?.[0], range?.[1]];
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to)) throw bad(file, `tensor '${name}' has no range`);
    const [a, b] = [from as number, to as number]; // integers, checked above
    if (a < 0 || b < a || start + b > total) throw bad(file, `tensor '${name}' lies outside of it`);
    ranges.set(name, { offset: start + a, bytes: b - a });
  }
  return ranges;
}

/** Streams a weights file into device memory and returns the range of each tensor. */
export async function uploadWeights(
  device: Device,
  { file, bytes }: PlanWeights,
  source: FileSource,
  progress: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<{ memory: DeviceMemory; ranges: ReadonlyMap<string, MemoryRange> }> {
  const memory = device.allocate(bytes);
  const view = device.inPlace && (await device.read({ memory, offset: 0, bytes }));
  let held: Uint8Array | undefined;
  // Straight to where they belong, or through one piece of memory.
  const place = (at: number, n: number): Uint8Array | undefined =>
    at + n > bytes ? undefined : (view?.subarray(at, at + n) ?? (held ??= new Uint8Array(n)).subarray(0, n));
  try {
    let ranges: TensorRanges | number = 8;
    let head = new Uint8Array(0);
    let at = 0;
    for await (const chunk of readChunks(source, signal, place)) {
      if (at + chunk.length > bytes) throw bad(file, `it is longer than the plan's ${bytes} bytes`);
      if (typeof ranges === 'number') {
        const joined = at > 0 ? new Uint8Array(at + chunk.length) : chunk;
        joined.set(head);
        joined.set(chunk, at);
        ranges = readWeightsHeader(file, joined, bytes);
        if (typeof ranges === 'number') head = joined.slice();
      }
      if (!view || chunk.buffer !== view.buffer) device.write(memory, at, chunk);
      at += chunk.length;
      progress(chunk.length);
    }
    if (at !== bytes || typeof ranges === 'number') throw bad(file, `it has ${at} bytes, the plan says ${bytes}`);
    return { memory, ranges: new Map([...ranges].map(([name, r]) => [name, { memory, ...r }])) };
  } catch (error) {
    device.free(memory);
    throw error;
  }
}
