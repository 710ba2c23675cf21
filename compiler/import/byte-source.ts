/** Random access to a file's bytes: headers are read first, tensors when they are needed. */
export interface ByteSource {
  readonly name: string;
  readonly bytes: number;
  /** Exactly `length` bytes from `offset`; the caller keeps to the file. */
  read(offset: number, length: number): Uint8Array;
}

/** Bytes that are in memory already. */
export const memorySource = (name: string, data: Uint8Array): ByteSource => ({
  name,
  bytes: data.byteLength,
  read: (offset, length) => data.subarray(offset, offset + length),
});
