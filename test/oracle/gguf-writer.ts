/** Metadata to be written: the type decides how a number is stored. */
export type MetadataValue =
  | { readonly type: 'u8' | 'u32' | 'i32' | 'f32' | 'u64' | 'f64'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'f32s'; readonly value: readonly number[] }
  | { readonly type: 'i32s'; readonly value: readonly number[] };

export const u32 = (value: number): MetadataValue => ({ type: 'u32', value });
export const f32 = (value: number): MetadataValue => ({ type: 'f32', value });
export const text = (value: string): MetadataValue => ({ type: 'string', value });

/** A tensor to be written: `shape` is row-major, `type` a number of ggml.h. */
export interface GgufTensorData {
  readonly name: string;
  readonly type: number;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

const IDS = { u8: 0, u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9, u64: 10, f64: 12 } as const;

/** Grows as it is written to; everything is little-endian. */
class Writer {
  private bytes = new Uint8Array(1 << 16);
  private view = new DataView(this.bytes.buffer);
  at = 0;

  private room(n: number): number {
    if (this.at + n > this.bytes.length) {
      const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.at + n));
      larger.set(this.bytes);
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    const at = this.at;
    this.at += n;
    return at;
  }
  u8(v: number): void {
    const at = this.room(1);
    this.view.setUint8(at, v);
  }
  u32(v: number): void {
    const at = this.room(4);
    this.view.setUint32(at, v, true);
  }
  u64(v: number): void {
    const at = this.room(8);
    this.view.setBigUint64(at, BigInt(v), true);
  }
  f32(v: number): void {
    const at = this.room(4);
    this.view.setFloat32(at, v, true);
  }
  f64(v: number): void {
    const at = this.room(8);
    this.view.setFloat64(at, v, true);
  }
  raw(v: Uint8Array): void {
    const at = this.room(v.length);
    this.bytes.set(v, at);
  }
  string(v: string): void {
    const encoded = new TextEncoder().encode(v);
    this.u64(encoded.length);
    this.raw(encoded);
  }
  pad(multiple: number): void {
    this.room((multiple - (this.at % multiple)) % multiple);
  }
  result(): Uint8Array {
    return this.bytes.slice(0, this.at);
  }
}

function value(w: Writer, v: MetadataValue): void {
  const array = <T>(id: number, list: readonly T[], put: (x: T) => void): void => {
    w.u32(IDS.array);
    w.u32(id);
    w.u64(list.length);
    list.forEach(put);
  };
  if (v.type === 'strings') array(IDS.string, v.value, (x) => w.string(x));
  else if (v.type === 'f32s') array(IDS.f32, v.value, (x) => w.f32(x));
  else if (v.type === 'i32s') array(IDS.i32, v.value, (x) => w.u32(x >>> 0));
  else if (v.type === 'string') {
    w.u32(IDS.string);
    w.string(v.value);
  } else if (v.type === 'bool') {
    w.u32(IDS.bool);
    w.u8(v.value ? 1 : 0);
  } else {
    w.u32(IDS[v.type]);
    if (v.type === 'i32') w.u32(v.value >>> 0);
    else w[v.type](v.value);
  }
}

/** A GGUF file. */
export function writeGguf(
  metadata: Readonly<Record<string, MetadataValue>>,
  tensors: readonly GgufTensorData[],
  version = 3,
  alignment = 32,
): Uint8Array {
  const w = new Writer();
  w.raw(new TextEncoder().encode('GGUF'));
  w.u32(version);
  w.u64(tensors.length);
  const entries = Object.entries(metadata);
  w.u64(entries.length);
  for (const [key, v] of entries) {
    w.string(key);
    value(w, v);
  }
  let at = 0;
  for (const t of tensors) {
    w.string(t.name);
    w.u32(t.shape.length);
    for (const d of [...t.shape].reverse()) w.u64(d);
    w.u32(t.type);
    w.u64(at);
    at += Math.ceil(t.data.byteLength / alignment) * alignment;
  }
  for (const t of tensors) {
    w.pad(alignment);
    w.raw(t.data);
  }
  w.pad(alignment);
  return w.result();
}
