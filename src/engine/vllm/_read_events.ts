/**
 * The data of each server-sent event in `body`, those that arrived together in one array.
 *
 * Events of one line of data are all that these servers send; comments and other fields are skipped.
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<readonly string[]> {
  const utf8 = new TextDecoder();
  let rest = "";
  for await (const bytes of body) {
    const lines = (rest + utf8.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop()!;
    yield lines.filter((line) => line.startsWith("data:"))
      .map((line) => line.slice("data:".length).trim());
  }
}
