/** A 128-bit content hash (four multiply-and-rotate lanes): for telling byte tables apart, not for security. */
export class ContentHash {
  readonly #lanes = new Uint32Array([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344]);
  #length = 0;

  private byte(value: number): void {
    const lanes = this.#lanes;
    const at = this.#length++ & 3;
    const mixed = Math.imul((lanes[at] ?? 0) ^ value, 0x01000193);
    lanes[at] = mixed ^ (mixed >>> 15);
    const next = (at + 1) & 3;
    lanes[next] = Math.imul((lanes[next] ?? 0) + mixed, 0x85ebca6b);
  }

  bytes(values: ArrayLike<number>): void {
    this.integer(values.length);
    for (let i = 0; i < values.length; i++) this.byte(values[i] ?? 0);
  }

  integer(value: number): void {
    for (let shift = 0; shift < 32; shift += 8) this.byte((value >>> shift) & 0xff);
  }

  /** 32 hexadecimal digits. */
  digest(): string {
    const lanes = Uint32Array.from(this.#lanes);
    for (let round = 0; round < 8; round++)
      for (let i = 0; i < 4; i++) {
        const other = lanes[(i + 1) & 3] ?? 0;
        const mixed = Math.imul((lanes[i] ?? 0) ^ (other >>> 13) ^ (this.#length + round), 0xc2b2ae35);
        lanes[i] = mixed ^ (mixed >>> 16);
      }
    return Array.from(lanes, (lane) => lane.toString(16).padStart(8, '0')).join('');
  }
}

/** The hash that artifacts are bound to: the bytes of every token, which are special, and which end a generation. */
export function hashTokens(
  bytes: readonly (Uint8Array | null)[],
  special: ReadonlyMap<string, number>,
  eos: readonly number[],
): string {
  const hash = new ContentHash();
  hash.integer(bytes.length);
  for (const token of bytes) {
    if (token) hash.bytes(token);
    else hash.integer(0xffffffff);
  }
  const encoder = new TextEncoder();
  for (const [text, id] of [...special].sort((a, b) => a[1] - b[1])) {
    hash.bytes(encoder.encode(text));
    hash.integer(id);
  }
  for (const id of eos) hash.integer(id);
  return hash.digest();
}
