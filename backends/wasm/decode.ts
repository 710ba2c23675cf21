import { InfcError } from '../../runtime/errors.ts';
import { controlCodes, type Instr, type WasmFunction } from './encode.ts';
import { opcodes, typeCode, type WasmType } from './opcodes.ts';

const typeOf = new Map<number, WasmType>(Object.entries(typeCode).map(([t, code]) => [code, t as WasmType]));

/** Mnemonic of each opcode; prefixed ones by prefix * 2^16 + number. */
const names = new Map<number, string>();
for (const [name, [code = 0]] of Object.entries(controlCodes)) names.set(code, name);
for (const [name, [a = 0, b, c]] of opcodes) {
  if (b === undefined) names.set(a, name);
  else names.set(a * 65536 + (c === undefined ? b : (b & 127) | (c << 7)), name);
}
names.set(0xfd * 65536 + 12, 'v128.const');

class Reader {
  at = 0;
  private readonly view: DataView;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    const b = this.bytes[this.at++];
    if (b === undefined) throw new InfcError('INFC4022', 'the Wasm module ends early', { offset: this.at });
    return b;
  }

  u32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const b = this.byte();
      value += (b & 127) * 2 ** shift;
      if (b < 128) return value;
    }
    throw new InfcError('INFC4022', 'a number of the Wasm module is too long', { offset: this.at });
  }

  s64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const b = this.byte();
      value |= BigInt(b & 127) << shift;
      if (b < 128) return BigInt.asIntN(Number(shift) + 7, value);
    }
    throw new InfcError('INFC4022', 'a number of the Wasm module is too long', { offset: this.at });
  }

  take(n: number): Uint8Array {
    if (this.at + n > this.bytes.length)
      throw new InfcError('INFC4022', 'the Wasm module ends early', { offset: this.at });
    this.at += n;
    return this.bytes.slice(this.at - n, this.at);
  }

  text(): string {
    return new TextDecoder().decode(this.take(this.u32()));
  }

  float(size: 4 | 8): number {
    this.take(size);
    return size === 4 ? this.view.getFloat32(this.at - 4, true) : this.view.getFloat64(this.at - 8, true);
  }

  list<T>(read: () => T): T[] {
    return Array.from({ length: this.u32() }, read);
  }
}

function instruction(r: Reader): Instr {
  const start = r.at;
  const first = r.byte();
  const op = names.get(first === 0xfc || first === 0xfd ? first * 65536 + r.u32() : first);
  if (op === undefined)
    throw new InfcError(
      'INFC4023',
      `the Wasm module has an instruction that kernels do not use (0x${first.toString(16)})`,
      {
        offset: start,
      },
    );
  if (op === 'block' || op === 'loop' || op === 'if') {
    r.byte();
    return { op };
  }
  if (op.startsWith('local.') || op === 'br' || op === 'br_if') return { op, index: r.u32() } as Instr;
  if (op === 'i32.const') return { op, value: Number(r.s64()) };
  if (op === 'i64.const') return { op, value: r.s64() };
  if (op === 'f32.const') return { op, value: r.float(4) };
  if (op === 'f64.const') return { op, value: r.float(8) };
  if (op === 'v128.const' || op === 'i8x16.shuffle') return { op, bytes: r.take(16) };
  if (/\.(load|store)/.test(op)) {
    const memory = { align: r.u32(), offset: r.u32() };
    return op.endsWith('_lane') ? { op, memory, lane: r.byte() } : { op, memory };
  }
  return /_lane(_[su])?$/.test(op) ? { op, lane: r.byte() } : { op };
}

/**
 * The functions of a kernel module, for showing them as text: the inverse of `encodeModule`, up to parameter names. Throws INFC4022 on
 * damaged bytes and INFC4023 on instructions no kernel has.
 */
export function decodeModule(bytes: Uint8Array): WasmFunction[] {
  const r = new Reader(bytes);
  r.take(8);
  let arities: number[] = [];
  let types: number[] = [];
  const exported = new Map<number, string>();
  let bodies: { locals: WasmType[]; body: Instr[] }[] = [];
  while (!r.done) {
    const id = r.byte();
    const end = r.u32() + r.at;
    if (id === 1)
      arities = r.list(() => {
        r.byte();
        const params = r.list(() => r.byte()).length;
        r.list(() => r.byte());
        return params;
      });
    else if (id === 3) types = r.list(() => r.u32());
    else if (id === 7)
      r.list(() => {
        const name = r.text();
        r.byte();
        exported.set(r.u32(), name);
      });
    else if (id === 10)
      bodies = r.list(() => {
        const stop = r.u32() + r.at;
        const locals = r
          .list(() => ({ count: r.u32(), type: typeOf.get(r.byte()) ?? 'i32' }))
          .flatMap(({ count, type }) => Array.from({ length: count }, () => type));
        const body: Instr[] = [];
        while (r.at < stop) body.push(instruction(r));
        body.pop();
        return { locals, body };
      });
    r.at = end;
  }
  return bodies.map(({ locals, body }, i) => ({
    name: exported.get(i) ?? `f${i}`,
    params: Array.from({ length: arities[types[i] ?? 0] ?? 0 }, (_, p) => `p${p}`),
    locals,
    body,
  }));
}
