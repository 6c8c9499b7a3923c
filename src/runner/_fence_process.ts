import type { FenceCommand } from "./_fence_command.ts";
import { Guard } from "./_guard.ts";
import { lastWords } from "./_last_words.ts";
import { lines } from "./_lines.ts";
import type { FromFence, ToFence } from "./_protocol.ts";

/** Characters of standard error that are kept. */
const STDERR_TAIL = 16 * 1024;

/** A child process that speaks the fence's protocol over its standard streams. */
export class FenceProcess {
  /**
   * Settles when the process is gone and its streams are read to their ends. It says why, as the
   * rest of a sentence: "was killed by SIGKILL".
   */
  readonly ended: Promise<string>;

  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #guard: Guard | undefined;
  readonly #encoder = new TextEncoder();
  #stderr = "";
  #killedBecause: string | undefined;

  constructor(
    command: FenceCommand,
    onMessage: (message: FromFence) => void,
  ) {
    const { executable, args, env, cwd, marker, guarded } = command;
    this.#child = new Deno.Command(executable, {
      args: [...args],
      env: { ...env },
      clearEnv: true,
      ...(cwd !== undefined && { cwd }),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#guard = guarded ? new Guard(this.#child.pid) : undefined;
    this.#input = this.#child.stdin.getWriter();
    this.ended = this.#live(marker, onMessage);
  }

  /** @throws {TypeError} If the message is not JSON. */
  send(message: ToFence): void {
    const line = this.#encoder.encode(JSON.stringify(message) + "\n");
    // A process that is gone is told of by `ended`.
    this.#input.write(line).catch(() => {});
  }

  /** Ends the process, whatever it does; the first reason given is the one told. */
  kill(because: string): void {
    this.#killedBecause ??= because;
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }

  async #live(
    marker: string,
    onMessage: (message: FromFence) => void,
  ): Promise<string> {
    const [status] = await Promise.all([
      this.#child.status,
      this.#readOutput(marker, onMessage),
      this.#readErrors(),
    ]);
    await this.#input.close().catch(() => {});
    await this.#guard?.[Symbol.asyncDispose]();
    return this.#killedBecause ?? this.#reasonOf(status);
  }

  async #readOutput(
    marker: string,
    onMessage: (message: FromFence) => void,
  ): Promise<void> {
    for await (const line of lines(this.#child.stdout)) {
      // User code may have written to the same stream, also in the middle of a line.
      const start = line.indexOf(marker);
      const message = start < 0
        ? undefined
        : parse(line.slice(start + marker.length));
      if (message === undefined) this.#keep(line + "\n");
      else onMessage(message);
    }
  }

  async #readErrors(): Promise<void> {
    const texts = this.#child.stderr.pipeThrough(new TextDecoderStream());
    for await (const text of texts) this.#keep(text);
  }

  #keep(text: string): void {
    this.#stderr = (this.#stderr + text).slice(-STDERR_TAIL);
  }

  #reasonOf(status: Deno.CommandStatus): string {
    if (/out of memory/i.test(this.#stderr)) return "ran out of memory";
    if (status.signal !== null) return `was killed by ${status.signal}`;
    const words = lastWords(this.#stderr);
    return `ended with exit code ${status.code}${words && `: ${words}`}`;
  }
}

/** A message, or undefined for a line that user code broke. */
function parse(json: string): FromFence | undefined {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
