/** A tensor to be written. */
export interface WrittenTensor {
  readonly name: string;
  /** As in the header: F32, I32... */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** A .safetensors file. */
export function writeSafetensors(tensors: readonly WrittenTensor[]): Uint8Array {
  const header: Record<string, unknown> = {};
  let at = 0;
  for (const { name, dtype, shape, data } of tensors) {
    header[name] = { dtype, shape, data_offsets: [at, at + data.byteLength] };
    at += data.byteLength;
  }
  const json = JSON.stringify(header);
  const text = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 8) * 8));
  const out = new Uint8Array(8 + text.byteLength + at);
  new DataView(out.buffer).setBigUint64(0, BigInt(text.byteLength), true);
  out.set(text, 8);
  let to = 8 + text.byteLength;
  for (const { data } of tensors) {
    out.set(data, to);
    to += data.byteLength;
  }
  return out;
}
