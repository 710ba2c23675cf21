import { bitsOf, type DType } from '../../runtime/dtype.ts';
import type { Constant } from '../ir/graph.ts';
import { equalBytes } from '../tensor-values.ts';

/** A file of an artifact, produced piece by piece so that weights need not fit in memory twice. */
export interface ArtifactFile {
  readonly name: string;
  readonly bytes: number;
  /** Contents in order; may be called more than once. */
  chunks(): Iterable<Uint8Array>;
}

export const fileOf = (name: string, content: string | Uint8Array): ArtifactFile => {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  return { name, bytes: bytes.length, chunks: () => [bytes] };
};

/** Whole contents of an artifact file. */
export function contentsOf(file: ArtifactFile): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(file.bytes);
  let at = 0;
  for (const c of file.chunks()) {
    out.set(c, at);
    at += c.length;
  }
  return out;
}

const SAFETENSORS: Partial<Record<DType, string>> = {
  f64: 'F64',
  f32: 'F32',
  f16: 'F16',
  bf16: 'BF16',
  f8e4m3fn: 'F8_E4M3',
  f8e5m2: 'F8_E5M2',
  i64: 'I64',
  i32: 'I32',
  i16: 'I16',
  i8: 'I8',
  u64: 'U64',
  u32: 'U32',
  u16: 'U16',
  u8: 'U8',
  bool: 'BOOL',
};

interface Stored {
  readonly name: string;
  readonly constant: Constant;
  hash?: number;
  /** Only read while loading: kept in files of their own. */
  readonly transient?: boolean;
}

/** Collects constants and writes them to safetensors files; equal contents are stored once. */
export class WeightsWriter {
  private readonly tensors: Stored[] = [];
  private readonly names = new Set<string>();
  private readonly known = new Map<Constant, string>();
  private readonly bySize = new Map<number, Stored[]>();

  /** Name under which the bytes of `constant` are stored. */
  add(constant: Constant, wanted: string, transient = false): string {
    const known = this.known.get(constant);
    if (known !== undefined) return known;
    if (constant.unique || transient) {
      const stored = { name: this.unique(wanted || 'constant'), constant, transient };
      this.tensors.push(stored);
      this.known.set(constant, stored.name);
      return stored.name;
    }
    const peers = this.bySize.get(constant.bytes) ?? [];
    this.bySize.set(constant.bytes, peers);
    // Hashes narrow the search, a comparison decides.
    let hash: number | undefined;
    for (const peer of peers) {
      hash ??= hashOf(constant.read());
      peer.hash ??= hashOf(peer.constant.read());
      if (peer.hash !== hash || !equalBytes(constant.read(), peer.constant.read())) continue;
      this.known.set(constant, peer.name);
      return peer.name;
    }
    const stored: Stored = {
      name: this.unique(wanted || 'constant'),
      constant,
      ...(hash === undefined ? {} : { hash }),
    };
    peers.push(stored);
    this.tensors.push(stored);
    this.known.set(constant, stored.name);
    return stored.name;
  }

  private unique(wanted: string): string {
    let name = wanted;
    for (let n = 2; this.names.has(name) || name.startsWith('__'); n++) name = `${wanted.replace(/^_+/, '')}~${n}`;
    this.names.add(name);
    return name;
  }

  /** `weights-<n>.safetensors`: every tensor starts at a multiple of `align` bytes; a file exceeds `maxFileBytes` only for one tensor. */
  files(align: number, maxFileBytes: number): readonly (ArtifactFile & { readonly transient: boolean })[] {
    const groups: Stored[][] = [];
    let room = 0;
    const order = [...this.tensors.filter((t) => !t.transient), ...this.tensors.filter((t) => t.transient)];
    for (const t of order) {
      const starts = (groups.at(-1)?.[0]?.transient ?? false) !== (t.transient ?? false);
      if (groups.length === 0 || starts || t.constant.bytes > room) {
        groups.push([]);
        room = maxFileBytes;
      }
      groups.at(-1)?.push(t);
      room -= Math.ceil(t.constant.bytes / align) * align;
    }
    return groups.map((group, i) => ({
      ...safetensors(`weights-${i}.safetensors`, group, align),
      transient: group[0]?.transient === true,
    }));
  }
}

/** One file. The format allows no holes, so padding is a tensor of bytes too. */
function safetensors(name: string, tensors: readonly Stored[], align: number): ArtifactFile {
  const header: Record<string, unknown> = {};
  const parts: (Constant | Uint8Array)[] = [];
  let at = 0;
  const put = (key: string, part: Constant | Uint8Array, dtype: string, shape: readonly number[], bytes: number) => {
    header[key] = { dtype, shape, data_offsets: [at, at + bytes] };
    parts.push(part);
    at += bytes;
  };
  for (const { name: key, constant } of tensors) {
    const gap = (align - (at % align)) % align;
    if (gap > 0) put(`__pad${parts.length}`, new Uint8Array(gap), 'U8', [gap], gap);
    const { dtype, shape } = constant.type;
    const dense = shape.reduce<number>((n, d) => n * (typeof d === 'number' ? d : Number.NaN), bitsOf[dtype] / 8);
    const known = dense === constant.bytes ? SAFETENSORS[dtype] : undefined;
    put(key, constant, known ?? 'U8', known ? shape.map(Number) : [constant.bytes], constant.bytes);
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil((8 + text.length) / align) * align;
  const head = new Uint8Array(padded).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(padded - 8), true);
  head.set(text, 8);
  return {
    name,
    bytes: padded + at,
    *chunks() {
      yield head;
      for (const p of parts) yield p instanceof Uint8Array ? p : p.read();
    },
  };
}

/** FNV-1a over 32-bit words (and the rest as bytes). */
function hashOf(bytes: Uint8Array): number {
  let h = 0x811c9dc5;
  const words =
    bytes.byteOffset % 4 === 0 ? new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2) : undefined;
  if (words) for (const w of words) h = Math.imul(h ^ w, 0x01000193);
  for (let i = words ? words.length * 4 : 0; i < bytes.length; i++) h = Math.imul(h ^ (bytes[i] ?? 0), 0x01000193);
  return h >>> 0;
}
