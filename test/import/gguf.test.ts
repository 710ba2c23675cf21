import { describe, expect, it } from 'vitest';
import { type ByteSource, memorySource } from '../../compiler/import/byte-source.ts';
import { GgufKeys } from '../../compiler/import/gguf/keys.ts';
import { openGguf } from '../../compiler/import/gguf/reader.ts';
import { ggufWeights } from '../../compiler/import/gguf/weights.ts';
import { InfcError } from '../../runtime/errors.ts';
import { f32, type GgufTensorData, type MetadataValue, text, u32, writeGguf } from '../oracle/gguf-writer.ts';

const open = (bytes: Uint8Array) => openGguf(memorySource('m.gguf', bytes));
const floats = (...v: number[]): Uint8Array => new Uint8Array(Float32Array.from(v).buffer);
const tensor = (name: string, shape: number[], data: Uint8Array, type = 0): GgufTensorData => ({
  name,
  shape,
  data,
  type,
});
const metadata: Record<string, MetadataValue> = {
  'general.architecture': text('llama'),
  'llama.block_count': u32(2),
  'llama.rope.freq_base': f32(1e-5),
  'x.u8': { type: 'u8', value: 200 },
  'x.i32': { type: 'i32', value: -3 },
  'x.u64': { type: 'u64', value: 2 ** 40 },
  'x.f64': { type: 'f64', value: 0.1 },
  'x.bool': { type: 'bool', value: true },
  'x.strings': { type: 'strings', value: ['a', '', 'ü€'] },
  'x.floats': { type: 'f32s', value: [1.5, -2] },
  'x.ints': { type: 'i32s', value: [-1, 7, 7] },
  'x.same': { type: 'i32s', value: [5, 5] },
};
const small = [tensor('a', [2, 3], floats(1, 2, 3, 4, 5, 6)), tensor('b', [4], floats(7, 8, 9, 10))];

describe('gguf', () => {
  it.each([2, 3])(
    'reads version %i: every kind of value, shapes row-major, offsets from the start of the file',
    (v) => {
      const bytes = writeGguf(metadata, small, v);
      const file = open(bytes);
      expect(file.version).toBe(v);
      const keys = new GgufKeys(file);
      expect(keys.number('.block_count')).toBe(2);
      expect(keys.number('.rope.freq_base')).toBe(1e-5);
      expect(['x.u8', 'x.i32', 'x.u64', 'x.f64', 'x.same'].map((k) => keys.number(k))).toEqual([
        200,
        -3,
        2 ** 40,
        0.1,
        5,
      ]);
      expect(keys.flag('x.bool')).toBe(true);
      expect(keys.strings('x.strings')).toEqual(['a', '', 'ü€']);
      expect([...keys.numbers('x.floats'), ...keys.numbers('x.ints')]).toEqual([1.5, -2, -1, 7, 7]);
      expect([...file.tensors.values()].map((t) => [t.name, t.shape, t.type.name, t.bytes])).toEqual([
        ['a', [2, 3], 'F32', 24],
        ['b', [4], 'F32', 16],
      ]);
      const weights = ggufWeights(file, new Map([['w', { tensor: 'a' }]]));
      expect(new Float32Array(weights.constant('w').read().slice().buffer)).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
    },
  );

  it('reorders rows and takes slices', () => {
    const file = open(writeGguf(metadata, small));
    const weights = ggufWeights(
      file,
      new Map([
        ['swapped', { tensor: 'a', rows: (r: number) => 1 - r }],
        ['second', { tensor: 'a', slice: 1 }],
      ]),
    );
    const read = (name: string) => [...new Float32Array(weights.constant(name).read().slice().buffer)];
    expect(read('swapped')).toEqual([4, 5, 6, 1, 2, 3]);
    expect(read('second')).toEqual([4, 5, 6]);
    expect(weights.constant('second').type.shape).toEqual([3]);
  });

  it('holds the header only: tensors beyond 4 GiB are read one at a time', () => {
    const rows = 1_500_000;
    const header = writeGguf({ 'general.architecture': text('llama') }, [
      tensor('big', [rows, 1024], new Uint8Array(0)),
      tensor('last', [4], new Uint8Array(0)),
    ]);
    // The writer put both at 0; the real place of the second is written over it.
    const view = new DataView(header.buffer);
    const at = header.length - 8 - ((header.length - 8) % 8);
    const offset = rows * 1024 * 4;
    let patched = 0;
    for (let i = at; i > 0 && patched === 0; i--)
      if (new TextDecoder().decode(header.subarray(i, i + 4)) === 'last') {
        view.setBigUint64(i + 4 + 4 + 8 + 4, BigInt(offset), true);
        patched = i;
      }
    const start = Math.ceil(header.length / 32) * 32;
    const reads: [number, number][] = [];
    const source: ByteSource = {
      name: 'big.gguf',
      bytes: start + offset + 16,
      read: (from, length) => {
        reads.push([from, length]);
        const out = new Uint8Array(length);
        out.set(header.subarray(from, from + length));
        return out;
      },
    };
    const file = openGguf(source);
    expect(reads.every(([, length]) => length <= 2 ** 20)).toBe(true);
    expect(file.tensors.get('last')?.offset).toBe(start + offset);
    reads.length = 0;
    ggufWeights(file, new Map([['w', { tensor: 'last' }]]))
      .constant('w')
      .read();
    expect(reads).toEqual([[start + offset, 16]]);
  });
});

describe('a damaged gguf', () => {
  const good = writeGguf(metadata, small);
  const find = (needle: string): number => Buffer.from(good).indexOf(needle);
  const changed = (at: number, ...bytes: number[]): Uint8Array => {
    const out = good.slice();
    out.set(bytes, at);
    return out;
  };
  const huge = [255, 255, 255, 255, 255, 255, 255, 127];

  it.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(0), /INFC1130.*no GGUF/],
    ['another magic', changed(0, 0x58), /INFC1130.*no GGUF/],
    ['version 1', changed(4, 1), /INFC1130.*version 1/],
    ['big-endian', changed(4, 0, 0, 0, 3), /INFC1130.*big-endian/],
    ['too many tensors', changed(8, ...huge), /INFC1130.*number of tensors is 9223372036854775807/],
    ['too many keys', changed(16, ...huge), /INFC1130.*number of metadata keys/],
    ['a key without end', changed(24, ...huge), /INFC1130.*length of metadata key 0/],
    ['a value type from nowhere', changed(find('x.u8') + 4, 99), /INFC1131.*'x.u8'.*type 99/],
    ['a boolean of 2', changed(find('x.bool') + 6 + 4, 2), /INFC1131.*'x.bool' is the boolean 2/],
    ['an array without end', changed(find('x.ints') + 6 + 8, ...huge), /INFC1130.*array of 'x.ints'/],
    ['an array of unknown things', changed(find('x.ints') + 6 + 4, 77), /INFC1131.*'x.ints'.*type 77/],
    ['a key that is not UTF-8', changed(find('x.u8'), 0xff), /INFC1131.*not UTF-8/],
    ['a key twice', changed(find('x.i32'), ...Buffer.from('x.u64')), /INFC1131.*'x.u64' appears twice/],
    ['rank 5', changed(good.lastIndexOf(98) + 1, 5), /INFC1132.*'b' has rank 5/],
    ['too many elements', changed(good.lastIndexOf(98) + 5, ...huge), /INFC1132.*'b' has shape/],
    ['an unknown tensor type', changed(good.lastIndexOf(98) + 13, 200), /INFC1132.*'b' has unknown type 200/],
    ['half a block', changed(good.lastIndexOf(98) + 13, 2), /INFC1132.*rows of 4.*32 of Q4_0/],
    ['an offset off by a block', changed(good.lastIndexOf(98) + 17, 64), /INFC1132.*lies at 64.*32 comes next/],
    ['a tensor twice', changed(good.lastIndexOf(98), 97), /INFC1132.*'a' appears twice/],
    ['the end missing', good.slice(0, good.length - 32), /INFC1130.*truncated/],
  ])('%s is refused', (_, bytes, reason) => {
    expect(() => open(bytes)).toThrow(reason);
  });

  it('never escapes as anything but an InfcError, however it is cut or changed', () => {
    let state = 12345;
    const next = (n: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % n;
    };
    const header = good.length - 64;
    for (let i = 0; i < 3000; i++) {
      const cut = i % 3 === 0 ? good.slice(0, next(good.length)) : good.slice();
      for (let k = next(4); k >= 0 && cut.length > 0; k--) cut[next(Math.min(header, cut.length))] = next(256);
      try {
        open(cut);
      } catch (e) {
        if (!(e instanceof InfcError)) throw e;
      }
    }
  });

  it('names the type of a tensor it cannot read, when it is wanted', () => {
    const file = open(writeGguf(metadata, [tensor('q', [1, 256], new Uint8Array(66), 16)]));
    expect(() => ggufWeights(file, new Map([['w', { tensor: 'q' }]])).constant('w')).toThrow(
      /INFC1133.*'q' is IQ2_XXS.*Q4_K/,
    );
  });

  it('refuses blocks with a scale that is infinite or NaN, naming weight and row; zeros and subnormals are numbers', () => {
    // Q8_0: an f16 scale and 32 codes, here 1.
    const rows = (...scales: number[]): Uint8Array => {
      const data = new Uint8Array(34 * scales.length).fill(1);
      scales.forEach((bits, r) => new DataView(data.buffer).setUint16(34 * r, bits, true));
      return data;
    };
    const weight = (...scales: number[]) =>
      ggufWeights(
        open(writeGguf(metadata, [tensor('q', [scales.length, 32], rows(...scales), 8)])),
        new Map([['w', { tensor: 'q' }]]),
      ).constant('w');
    expect(() => weight(0x3c00, 0x7c00).encoded?.planes()).toThrow(/INFC2092.*'w' has the scale Infinity in row 1/);
    expect(() => weight(0x7e00, 0x3c00).encoded?.planes()).toThrow(/INFC2092.*'w' has the scale NaN in row 0/);
    const fine = weight(0, 1);
    expect(fine.encoded?.planes().scale).toEqual(Uint16Array.of(0, 1));
    expect(new Float32Array(fine.read().slice().buffer).filter((_, i) => i % 32 === 0)).toEqual(
      Float32Array.of(0, 2 ** -24),
    );
  });

  it('names metadata that are missing or of another kind', () => {
    const keys = new GgufKeys(open(good));
    expect(() => keys.number('.context_length')).toThrow(
      /INFC1134.*'llama.context_length' must be one number, not missing/,
    );
    expect(() => keys.number('x.ints')).toThrow(/INFC1134.*'x.ints'.*an array of i32/);
    expect(() => new GgufKeys(open(writeGguf({}, small)))).toThrow(/INFC1134.*general.architecture/);
  });
});
