import { InfcError } from '../../../runtime/errors.ts';
import type { ByteSource } from '../byte-source.ts';

/** Bytes fetched at once: vocabularies are a few MB of short strings. */
const WINDOW = 1 << 20;

/** Reads little-endian values one after another, fetching the file in windows. Every length is checked against the file before use. */
export class GgufCursor {
  private bytes: Uint8Array = new Uint8Array(0);
  private view: DataView = new DataView(this.bytes.buffer);
  /** File offset of the window. */
  private base = 0;
  private position = 0;
  private readonly utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  constructor(readonly source: ByteSource) {}

  get at(): number {
    return this.base + this.position;
  }

  get left(): number {
    return this.source.bytes - this.at;
  }

  /** Makes `length` bytes readable and returns where they start in the window. */
  private take(length: number, what: string): number {
    if (length > this.left)
      throw this.bad('INFC1130', `the file ends inside ${what}: ${length} bytes wanted, ${this.left} left`);
    if (this.position + length > this.bytes.byteLength) {
      const at = this.at;
      const data = this.source.read(at, Math.min(Math.max(WINDOW, length), this.source.bytes - at));
      this.bytes = data;
      this.view = new DataView(data.buffer, data.byteOffset, data.byteLength);
      this.base = at;
      this.position = 0;
    }
    const start = this.position;
    this.position += length;
    return start;
  }

  u8(what: string): number {
    const at = this.take(1, what);
    return this.view.getUint8(at);
  }
  i8(what: string): number {
    const at = this.take(1, what);
    return this.view.getInt8(at);
  }
  u16(what: string): number {
    const at = this.take(2, what);
    return this.view.getUint16(at, true);
  }
  i16(what: string): number {
    const at = this.take(2, what);
    return this.view.getInt16(at, true);
  }
  u32(what: string): number {
    const at = this.take(4, what);
    return this.view.getUint32(at, true);
  }
  i32(what: string): number {
    const at = this.take(4, what);
    return this.view.getInt32(at, true);
  }
  u64(what: string): bigint {
    const at = this.take(8, what);
    return this.view.getBigUint64(at, true);
  }
  i64(what: string): bigint {
    const at = this.take(8, what);
    return this.view.getBigInt64(at, true);
  }
  f32(what: string): number {
    const at = this.take(4, what);
    return this.view.getFloat32(at, true);
  }
  f64(what: string): number {
    const at = this.take(8, what);
    return this.view.getFloat64(at, true);
  }

  /** A count of things that take at least `least` bytes each: it cannot exceed what is left of the file. */
  count(what: string, least: number): number {
    const n = this.u64(what);
    if (n * BigInt(least) > BigInt(this.left))
      throw this.bad('INFC1130', `${what} is ${n}, and ${this.left} bytes are left`);
    return Number(n);
  }

  string(what: string): string {
    const length = this.count(`the length of ${what}`, 1);
    const start = this.take(length, what);
    try {
      return this.utf8.decode(this.bytes.subarray(start, start + length));
    } catch {
      throw this.bad('INFC1131', `${what} is not UTF-8`);
    }
  }

  /** A copy of the next bytes. */
  copy(length: number, what: string): Uint8Array<ArrayBuffer> {
    const start = this.take(length, what);
    return new Uint8Array(this.bytes.subarray(start, start + length));
  }

  bad(code: string, reason: string, offset = this.at): InfcError {
    return new InfcError(code, reason, {
      file: this.source.name,
      offset,
      fix: 'Check that the file is a complete .gguf file (compare its size and checksum with the source)',
    });
  }
}
