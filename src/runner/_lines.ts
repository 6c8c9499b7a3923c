const NEWLINE = 10;

/** The longest line that is kept; what follows in the same line is dropped. */
const MAX_LINE_BYTES = 64 * 2 ** 20;

/**
 * Splits a byte stream into lines of text, the unended last one included.
 *
 * Bytes that are not UTF-8 become replacement characters. Work is linear in the number of bytes.
 */
export async function* lines(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<string> {
  let pieces: Uint8Array[] = [];
  let length = 0;
  const keep = (piece: Uint8Array) => {
    if (length + piece.length > MAX_LINE_BYTES) return;
    pieces.push(piece);
    length += piece.length;
  };
  const take = (): string => {
    const decoder = new TextDecoder();
    const text = pieces.map((piece) => decoder.decode(piece, { stream: true }))
      .join("") + decoder.decode();
    pieces = [];
    length = 0;
    return text;
  };
  for await (const chunk of stream) {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      if (end < 0) break;
      keep(chunk.subarray(start, end));
      yield take();
      start = end + 1;
    }
    keep(chunk.subarray(start));
  }
  if (length > 0) yield take();
}
