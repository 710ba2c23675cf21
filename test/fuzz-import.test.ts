import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { builtin } from '../compiler/builtin.ts';
import { memorySource } from '../compiler/import/byte-source.ts';
import { importOnnx } from '../compiler/import/onnx.ts';
import { openSafetensors } from '../compiler/import/safetensors.ts';
import { Registry } from '../compiler/plugin.ts';
import { InfcError } from '../runtime/errors.ts';
import {
  attribute,
  decodeModelProto,
  encodeModel,
  encodeModelProto,
  f32,
  i64,
  info,
  node,
} from './import/build-onnx.ts';

/** Wall-clock budget of each fuzz test; raise it for a longer hunt. */
const budget = Number(process.env.INFC_FUZZ_MS ?? 4000);
const seed = Number(process.env.INFC_FUZZ_SEED ?? Date.now() % 2147483647);
/** No input of this size may take longer. */
const SLOWEST_MS = 10000;

const registry = new Registry([builtin]);

class Random {
  constructor(private state: number) {}

  /** An integer in [0, n). */
  below(n: number): number {
    // xorshift32 (Marsaglia 2003)
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) % n;
  }
}

/** Bytes that mean trouble in length fields, tags and numbers. */
const NASTY = [
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0x80, 0x80, 0x80, 0x80, 0x08],
  [0x00],
  [0x7f],
  [0x80],
  [0x3a, 0x00],
];

function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  let out = Uint8Array.from(bytes);
  for (let n = 1 + random.below(4); n > 0; n--) {
    const at = random.below(Math.max(1, out.length));
    const length = random.below(Math.min(64, out.length - at) + 1);
    const pick = NASTY[random.below(NASTY.length)] ?? [];
    switch (random.below(7)) {
      case 0:
        out[at] = random.below(256);
        break;
      case 1:
        out[at] = (out[at] ?? 0) ^ (1 << random.below(8));
        break;
      case 2:
        out = out.slice(0, at);
        break;
      case 3:
        out = Uint8Array.from([...out.subarray(0, at), ...out.subarray(at + length)]);
        break;
      case 4:
        out = Uint8Array.from([...out.subarray(0, at), ...out.subarray(at, at + length), ...out.subarray(at)]);
        break;
      case 5:
        out.set(pick.slice(0, out.length - at), at);
        break;
      default:
        out = Uint8Array.from([...out.subarray(0, at), ...pick, ...out.subarray(at)]);
    }
  }
  return out;
}

const NUMBERS = [0, 1, -1, 2, 3, 7, 255, 65536, 2147483647, -2147483648, 4294967296, 9007199254740991];

/** Changes the decoded message, so that the file stays well-formed and the graph does not. */
function mutateModel(bytes: Uint8Array, random: Random): Uint8Array {
  const model = decodeModelProto(bytes);
  const names = ['', 'x', 'w', 'y', 'nothing', '../x', '__proto__', 'constructor'];
  for (let n = 1 + random.below(3); n > 0; n--) {
    let at: Record<string, unknown> | unknown[] = model as Record<string, unknown>;
    for (let depth = 0; depth < 12; depth++) {
      const keys: string[] = Object.keys(at);
      const key = keys[random.below(Math.max(1, keys.length))];
      if (key === undefined) break;
      const holder = at as Record<string, unknown>;
      const value = holder[key];
      const inner = typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && !('low' in value);
      if (inner && random.below(6) !== 0) {
        at = value as Record<string, unknown>;
        continue;
      }
      if (typeof value === 'string') {
        names.push(value);
        holder[key] = names[random.below(names.length)];
      } else if (Array.isArray(at)) {
        if (random.below(2) === 0) at.splice(Number(key), 1);
        else at.push(value);
      } else if (ArrayBuffer.isView(value)) {
        holder[key] = new Uint8Array(value.buffer, value.byteOffset, random.below(value.byteLength + 1));
      } else if (inner) delete holder[key];
      else holder[key] = NUMBERS[random.below(NUMBERS.length)];
      break;
    }
  }
  return encodeModelProto(model);
}

/** Mutates until the budget is spent; anything but success or an InfcError fails, with what is needed to repeat it. */
function fuzz(
  bases: readonly Uint8Array[],
  name: string,
  change: (bytes: Uint8Array, random: Random) => Uint8Array,
  load: (bytes: Uint8Array) => void,
): void {
  const random = new Random(seed || 1);
  const end = performance.now() + budget;
  let runs = 0;
  let accepted = 0;
  const codes = new Map<string, number>();
  while (performance.now() < end) {
    const bytes = change(bases[runs % bases.length] ?? new Uint8Array(0), random);
    const start = performance.now();
    try {
      load(bytes);
      accepted++;
    } catch (e) {
      if (!(e instanceof InfcError))
        throw new Error(`seed ${seed}, run ${runs}: ${e instanceof Error ? e.stack : e}\nbytes: ${repro(bytes)}`);
      codes.set(e.code, (codes.get(e.code) ?? 0) + 1);
      expect(e.reason).not.toBe('');
    }
    const ms = performance.now() - start;
    if (ms > SLOWEST_MS)
      throw new Error(`seed ${seed}, run ${runs}: took ${Math.round(ms)} ms\nbytes: ${repro(bytes)}`);
    runs++;
  }
  const seen = [...codes].map(([code, n]) => `${code} ${n}`).join(', ');
  console.log(`${name}: seed ${seed}, ${runs} inputs, ${accepted} accepted; ${seen}`);
  expect(runs).toBeGreaterThan(10);
  expect(codes.size).toBeGreaterThan(1);
}

const repro = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').slice(0, 20000);

/** A small model with every structure the importer reads. */
function everything(): Uint8Array {
  const body = { name: 'b', output: [{ name: 't' }], node: [node('F', ['x', 'w'], ['t'], [], { domain: 'my' })] };
  return encodeModel(
    {
      name: 'g',
      input: [info('x', ['n', 3]), info('c', [], 9), info('q', ['n + 1', null])],
      output: [info('y', ['n', 3]), { name: 'seq' }, { name: 'h' }],
      initializer: [
        f32('w', [3], [1, 2, 3]),
        i64('trip', [], [3]),
        i64('minus', [], [-1]),
        f32('W', [1, 8, 3], new Array(24).fill(0.5)),
        f32('R', [1, 8, 2], new Array(16).fill(0.25)),
      ],
      sparseInitializer: [{ values: f32('s', [1], [4]), indices: i64('', [1], [2]), dims: [3] }],
      node: [
        node('Constant', [], ['k'], [attribute.ints('value_ints', [1, 2, 3])]),
        node(
          'If',
          ['c'],
          ['i'],
          [attribute.graph('then_branch', body), attribute.graph('else_branch', { ...body, name: 'e' })],
        ),
        node(
          'Loop',
          ['trip', '', 'i'],
          ['y'],
          [
            attribute.graph('body', {
              name: 'l',
              input: [info('it', [], 7), info('go', [], 9), { name: 'v' }],
              output: [{ name: 'go' }, { name: 'v2' }],
              node: [node('F', ['v', 's'], ['v2'], [], { domain: 'my' })],
            }),
          ],
        ),
        node('SequenceConstruct', ['x', 'y'], ['seq']),
        node('SequenceAt', ['seq', 'minus'], ['e']),
        node('SplitToSequence', ['x'], ['parts'], [attribute.int('axis', 0), attribute.int('keepdims', 1)]),
        node('ConcatFromSequence', ['parts'], ['joined'], [attribute.int('axis', 0), attribute.int('new_axis', 1)]),
        node('LSTM', ['joined', 'W', 'R'], ['h'], [attribute.int('hidden_size', 2)]),
      ],
    },
    {
      opsetImport: [
        { domain: '', version: 17 },
        { domain: 'my', version: 1 },
      ],
      producerName: 'fuzz',
      functions: [
        {
          name: 'F',
          domain: 'my',
          input: ['a', 'b'],
          output: ['o'],
          opsetImport: [{ domain: '', version: 17 }],
          node: [
            node('SequenceConstruct', ['a', 'a'], ['o1']),
            node('SequenceAt', ['o1', 'z'], ['o']),
            node('Constant', [], ['z'], [attribute.int('value_int', 1)]),
          ],
        },
      ],
    },
  );
}

const shared = process.env.INFC_SHARED ?? resolve(import.meta.dirname, '../../shared');
const models = ['mnist-cntk/mnist.onnx', 'iris-mlp/iris_network.onnx', 'motor-fault-extdata/motor_fault_model.onnx']
  .map((file) => resolve(shared, 'models', file))
  .filter((file) => existsSync(file));

describe('fuzz', () => {
  it(
    'ONNX: every mutation imports or is refused with a code',
    () => {
      const base = everything();
      expect(() => importOnnx(base, { name: 'base' }, registry)).not.toThrow();
      fuzz([base], 'onnx bytes', mutate, (bytes) => importOnnx(bytes, { name: 'fuzz' }, registry));
      fuzz([base], 'onnx structure', mutateModel, (bytes) => importOnnx(bytes, { name: 'fuzz' }, registry));
    },
    budget * 8 + SLOWEST_MS,
  );

  it.skipIf(models.length === 0)(
    `ONNX: mutations of real models (${models.length} found)`,
    () => {
      const bases = models.map((file) => new Uint8Array(readFileSync(file)));
      fuzz(bases, 'real onnx bytes', mutate, (bytes) => importOnnx(bytes, { name: 'fuzz' }, registry));
      fuzz(bases, 'real onnx structure', mutateModel, (bytes) => importOnnx(bytes, { name: 'fuzz' }, registry));
    },
    budget * 8 + SLOWEST_MS,
  );

  it(
    'safetensors: every mutation opens or is refused with a code',
    () => {
      const header =
        '{"__metadata__":{"a":"b"},"x":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"y":{"dtype":"I64","shape":[1],"data_offsets":[16,24]}}';
      const text = new TextEncoder().encode(header);
      const bytes = new Uint8Array(8 + text.length + 24);
      new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
      bytes.set(text, 8);
      fuzz([bytes], 'safetensors', mutate, (b) => openSafetensors(memorySource('fuzz', b)));
    },
    budget * 8 + SLOWEST_MS,
  );
});
