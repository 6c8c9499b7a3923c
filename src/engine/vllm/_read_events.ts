/**
 * The data of the server-sent events in `pieces` of text, those that arrived together in one array.
 *
 * Events of one line of data are all that these servers send; comments and other fields are skipped.
 */
export async function* readEvents(
  pieces: AsyncIterable<string>,
): AsyncGenerator<readonly string[]> {
  let rest = "";
  for await (const piece of pieces) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop()!;
    yield lines.filter((line) => line.startsWith("data:"))
      .map((line) => line.slice("data:".length).trim());
  }
}
