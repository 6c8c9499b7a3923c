// deno-lint-ignore no-explicit-any -- each program knows what its roles say
type Said = any;

/** Answers each line of stdin by a line of JSON. */
export async function answerLines(
  answer: (line: string) => unknown,
): Promise<void> {
  for await (const line of linesOf(Deno.stdin.readable)) {
    console.log(JSON.stringify(await answer(line)));
  }
  Deno.exit(0);
}

async function* linesOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string> {
  let rest = "";
  for await (const piece of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

/** A program of this folder in another role, which says and answers lines of JSON. */
export class Child implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #lines: AsyncGenerator<string>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  /** @param program URL of the program. */
  constructor(program: string, ...role: readonly string[]) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", program, ...role],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#lines = linesOf(this.#process.stdout);
    this.#writer = this.#process.stdin.getWriter();
  }

  /** The next line that it says. */
  async next(): Promise<Said> {
    const { value } = await this.#lines.next();
    if (value === undefined) throw new Error("A process of the bench has died");
    return JSON.parse(value);
  }

  /** What it answers. */
  async ask(question: unknown): Promise<Said> {
    const line = `${JSON.stringify(question)}\n`;
    await this.#writer.write(new TextEncoder().encode(line));
    return await this.next();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close();
    await this.#process.status;
    await this.#lines.return(undefined);
  }
}
