/** Number of an interned text; 0 is the empty one. */
export type TextId = number;

/** Texts that grow byte by byte, interned as a tree: one byte more costs the same however long a text is. */
export class Texts {
  private readonly parents: TextId[] = [0];
  private readonly bytes: number[] = [0];
  private readonly lengths: number[] = [0];
  private readonly longer = new Map<number, TextId>();

  append(text: TextId, byte: number): TextId {
    const key = text * 256 + byte;
    let id = this.longer.get(key);
    if (id === undefined) {
      id = this.parents.push(text) - 1;
      this.bytes.push(byte);
      this.lengths.push(this.length(text) + 1);
      this.longer.set(key, id);
    }
    return id;
  }

  length(text: TextId): number {
    return this.lengths[text] ?? 0;
  }

  /** The bytes from `start` on, one char code each. */
  slice(text: TextId, start: number): string {
    const codes: number[] = [];
    for (let at = text; this.length(at) > start; at = this.parents[at] ?? 0) codes.push(this.bytes[at] ?? 0);
    let out = '';
    for (let i = codes.length - 1; i >= 0; i--) out += String.fromCharCode(codes[i] ?? 0);
    return out;
  }
}
