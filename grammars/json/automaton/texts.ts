/** Number of an interned text; 0 is the empty one. */
export type TextId = number;

/** Texts that grow byte by byte, interned as a tree: one byte more costs the same however long a text is. */
export class Texts {
  private readonly parents: TextId[] = [0];
  private readonly bytes: number[] = [0];
  private readonly lengths: number[] = [0];
  /** The newest text that is one byte longer, and after each the next of its parent's. */
  private readonly longer: TextId[] = [0];
  private readonly siblings: TextId[] = [0];

  append(text: TextId, byte: number): TextId {
    const { parents, bytes, lengths, longer, siblings } = this;
    const newest = longer[text] ?? 0;
    for (let id = newest; id !== 0; id = siblings[id] ?? 0) if (bytes[id] === byte) return id;
    const id = parents.push(text) - 1;
    bytes.push(byte);
    lengths.push(this.length(text) + 1);
    longer.push(0);
    siblings.push(newest);
    longer[text] = id;
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
