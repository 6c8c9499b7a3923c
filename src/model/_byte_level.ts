/**
 * The printable stand-ins that byte-level BPE vocabularies use for bytes, as GPT-2's tokenizer
 * introduced them: printable Latin-1 bytes stand for themselves, and the other 68 follow in order
 * from U+0100.
 */
const BYTE_TO_CHAR: readonly string[] = byteAlphabet();

const CHAR_TO_BYTE: ReadonlyMap<string, number> = new Map(
  BYTE_TO_CHAR.map((char, byte) => [char, byte]),
);

function byteAlphabet(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) ||
      (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(printable ? byte : next++);
  });
}

/** The 256 stand-ins, by byte. */
export function byteLevelAlphabet(): readonly string[] {
  return BYTE_TO_CHAR;
}

/** Bytes behind a token in stand-ins, or undefined if a character stands for no byte. */
export function byteLevelToBytes(token: string): Uint8Array | undefined {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = CHAR_TO_BYTE.get(token[i]!);
    if (byte === undefined) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}
