import { lines } from "./_lines.ts";

/**
 * Leaves Ctrl-C to the program: a terminal sends it to every process of the group, while a run
 * first finishes its step.
 */
export function ignoreInterrupts(): void {
  Deno.addSignalListener("SIGINT", () => {});
}

/**
 * Takes hold of this process's standard output.
 *
 * @returns Writes one line, and returns when all of it is written: lines never mix.
 */
export function lineWriter(): (line: string) => void {
  const write = Deno.stdout.writeSync.bind(Deno.stdout);
  const encoder = new TextEncoder();
  return (line) => {
    const bytes = encoder.encode(line + "\n");
    for (let sent = 0; sent < bytes.length;) {
      sent += write(bytes.subarray(sent));
    }
  };
}

/** The JSON lines on standard input; ends when the process at the other end closes it or dies. */
export async function* stdinMessages<Message>(): AsyncGenerator<Message> {
  for await (const line of lines(Deno.stdin.readable)) yield JSON.parse(line);
}
