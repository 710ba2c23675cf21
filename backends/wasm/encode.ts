import { InfcError } from '../../runtime/errors.ts';
import { opcodes, typeCode, type WasmType } from './opcodes.ts';

/** Offset and alignment (log2) of a memory access. */
export interface MemArg {
  readonly align: number;
  readonly offset: number;
}

/** One instruction of a function body; control instructions open and close blocks as in the text format. */
export type Instr =
  | { readonly op: string }
  | { readonly op: 'i32.const' | 'f32.const' | 'f64.const'; readonly value: number }
  | { readonly op: 'i64.const'; readonly value: bigint }
  | { readonly op: 'v128.const' | 'i8x16.shuffle'; readonly bytes: Uint8Array }
  | { readonly op: 'local.get' | 'local.set' | 'local.tee' | 'br' | 'br_if'; readonly index: number }
  | { readonly op: string; readonly memory: MemArg; readonly lane?: number }
  | { readonly op: string; readonly lane: number };

/** A function to encode: `i32` parameters, further locals, body without the final `end`. */
export interface WasmFunction {
  readonly name: string;
  readonly params: readonly string[];
  readonly locals: readonly WasmType[];
  readonly body: readonly Instr[];
}

/** How the module imports its memory, as `env.memory`. */
export interface MemoryImport {
  readonly shared: boolean;
}

/** Bytes of control, local and constant instructions; blocks have no result. */
export const controlCodes: Readonly<Record<string, readonly number[]>> = {
  block: [0x02, 0x40],
  loop: [0x03, 0x40],
  if: [0x04, 0x40],
  else: [0x05],
  end: [0x0b],
  return: [0x0f],
  br: [0x0c],
  br_if: [0x0d],
  'local.get': [0x20],
  'local.set': [0x21],
  'local.tee': [0x22],
  'i32.const': [0x41],
  'i64.const': [0x42],
  'f32.const': [0x43],
  'f64.const': [0x44],
};

class Bytes {
  private buffer = new Uint8Array(1024);
  length = 0;

  byte(b: number): void {
    if (this.length === this.buffer.length) {
      const wider = new Uint8Array(this.length * 2);
      wider.set(this.buffer);
      this.buffer = wider;
    }
    this.buffer[this.length++] = b;
  }

  all(bytes: Iterable<number>): void {
    for (const b of bytes) this.byte(b);
  }

  /** Unsigned LEB128 of a value below 2^32. */
  u32(value: number): void {
    let v = value >>> 0;
    do {
      const low = v & 0x7f;
      v >>>= 7;
      this.byte(v ? low | 0x80 : low);
    } while (v);
  }

  /** Signed LEB128. */
  s64(value: bigint): void {
    let v = value;
    for (;;) {
      const low = Number(v & 0x7fn);
      v >>= 7n;
      if ((v === 0n && !(low & 0x40)) || (v === -1n && low & 0x40)) {
        this.byte(low);
        return;
      }
      this.byte(low | 0x80);
    }
  }

  name(text: string): void {
    const utf8 = new TextEncoder().encode(text);
    this.u32(utf8.length);
    this.all(utf8);
  }

  section(id: number, write: (b: Bytes) => void): void {
    const inner = new Bytes();
    write(inner);
    this.byte(id);
    this.u32(inner.length);
    this.all(inner.view());
  }

  view(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }
}

const scratch = new DataView(new ArrayBuffer(8));

function instruction(b: Bytes, i: Instr): void {
  const code = controlCodes[i.op] ?? (i.op === 'v128.const' ? [0xfd, 12] : opcodes.get(i.op));
  if (!code) throw new InfcError('INFC4001', `no Wasm instruction '${i.op}'`);
  b.all(code);
  if ('index' in i) b.u32(i.index);
  else if ('bytes' in i) b.all(i.bytes);
  else if ('memory' in i) {
    b.u32(i.memory.align);
    b.u32(i.memory.offset);
    if (i.lane !== undefined) b.byte(i.lane);
  } else if ('lane' in i) b.byte(i.lane);
  else if ('value' in i) {
    if (typeof i.value === 'bigint') b.s64(BigInt.asIntN(64, i.value));
    else if (i.op === 'i32.const') b.s64(BigInt(i.value | 0));
    else {
      const size = i.op === 'f32.const' ? 4 : 8;
      if (size === 4) scratch.setFloat32(0, i.value, true);
      else scratch.setFloat64(0, i.value, true);
      for (let k = 0; k < size; k++) b.byte(scratch.getUint8(k));
    }
  }
}

/** Consecutive locals of one type, as the binary format groups them. */
function runs(types: readonly WasmType[]): { type: WasmType; count: number }[] {
  const out: { type: WasmType; count: number }[] = [];
  for (const type of types) {
    const last = out.at(-1);
    if (last?.type === type) last.count++;
    else out.push({ type, count: 1 });
  }
  return out;
}

/** A binary module that imports `env.memory` and exports each function under its name. */
export function encodeModule(functions: readonly WasmFunction[], memory: MemoryImport): Uint8Array {
  const out = new Bytes();
  out.all([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  const arities = [...new Set(functions.map((f) => f.params.length))].sort((a, b) => a - b);
  out.section(1, (b) => {
    b.u32(arities.length);
    for (const n of arities) {
      b.byte(0x60);
      b.u32(n);
      for (let i = 0; i < n; i++) b.byte(typeCode.i32);
      b.u32(0);
    }
  });
  out.section(2, (b) => {
    b.u32(1);
    b.name('env');
    b.name('memory');
    b.byte(2);
    // The runtime changes this byte to share the memory or not: both have a maximum.
    b.byte(memory.shared ? 3 : 1);
    b.u32(0);
    b.u32(65536);
  });
  out.section(3, (b) => {
    b.u32(functions.length);
    for (const f of functions) b.u32(arities.indexOf(f.params.length));
  });
  out.section(7, (b) => {
    b.u32(functions.length);
    functions.forEach((f, i) => {
      b.name(f.name);
      b.byte(0);
      b.u32(i);
    });
  });
  out.section(10, (b) => {
    b.u32(functions.length);
    for (const f of functions) {
      const body = new Bytes();
      const groups = runs(f.locals);
      body.u32(groups.length);
      for (const g of groups) {
        body.u32(g.count);
        body.byte(typeCode[g.type]);
      }
      for (const i of f.body) instruction(body, i);
      body.byte(0x0b);
      b.u32(body.length);
      b.all(body.view());
    }
  });
  return out.view().slice();
}
