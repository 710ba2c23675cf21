const toChar: string[] = [];
const toByte = new Map<string, number>();
for (let byte = 0, extra = 0; byte < 256; byte++) {
  // GPT-2's table: printable Latin-1 stands for itself, every other byte for a character from U+0100 on.
  const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  const char = String.fromCharCode(printable ? byte : 256 + extra++);
  toChar.push(char);
  toByte.set(char, byte);
}

/** The bytes that a byte-level token spells, or undefined when a character is not of the byte alphabet. */
export function byteLevelBytes(token: string): Uint8Array | undefined {
  const out: number[] = [];
  for (const char of token) {
    const byte = toByte.get(char);
    if (byte === undefined) return undefined;
    out.push(byte);
  }
  return Uint8Array.from(out);
}

/** How byte-level BPE writes bytes. */
export function byteLevelText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += toChar[byte] ?? '';
  return text;
}
