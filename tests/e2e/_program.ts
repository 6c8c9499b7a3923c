import { fileURLToPath } from "node:url";
import type { RunEvent } from "../../src/monitor/mod.ts";

const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));

/** A small training of the quickstart: 4 tasks a step instead of 16, 16 held-out tasks. */
export const SMALL: readonly string[] = [
  "--set",
  "rollout.batch_tasks=4",
  "--set",
  "eval.tasks=16",
];

/** How a program ended. */
export interface Ended {
  readonly code: number;
  readonly signal: Deno.Signal | null;
  /** The JSON objects on standard output. */
  readonly events: readonly RunEvent[];
  readonly stderr: string;
}

/** Options of `Program`. */
export interface ProgramOptions {
  /** The folder it runs in. */
  readonly cwd: string;
  /** Variables of its environment, beside those of this process. @default {{}} */
  readonly env?: Readonly<Record<string, string>>;
}

/** `cli.ts … --json` as a user's process, that can be watched, interrupted and killed. */
export class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #events: RunEvent[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #reading: Promise<void>;
  readonly #stderr: Promise<string>;

  constructor(args: readonly string[], { cwd, env }: ProgramOptions) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--cached-only", CLI, ...args, "--json"],
      cwd,
      env: { NO_COLOR: "1", ASTUNER_PROGRAM: "astuner", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#reading = this.#read();
    this.#stderr = new Response(this.#child.stderr).text();
  }

  /** Waits until an event satisfies `wanted`, or the program has ended. */
  async until(wanted: (event: RunEvent) => boolean): Promise<void> {
    let ended = false;
    const end = this.#reading.then(() => void (ended = true));
    while (!ended && !this.#events.some(wanted)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      await Promise.race([promise, end]);
      this.#waiting.delete(resolve);
    }
  }

  /** Sends a signal; one that comes too late is nothing. */
  kill(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
  }

  /** Waits for its end. */
  async ended(): Promise<Ended> {
    const { code, signal } = await this.#child.status;
    await this.#reading;
    const stderr = await this.#stderr;
    return { code, signal, events: this.#events, stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await this.ended();
  }

  async #read(): Promise<void> {
    const text = this.#child.stdout.pipeThrough(new TextDecoderStream());
    let rest = "";
    for await (const piece of text) {
      const lines = (rest + piece).split("\n");
      rest = lines.pop()!;
      this.#events.push(...lines.map((line) => JSON.parse(line)));
      for (const wake of this.#waiting) wake();
    }
  }
}

/** Runs the program to its end. */
export async function runProgram(
  args: readonly string[],
  options: ProgramOptions,
): Promise<Ended> {
  await using program = new Program(args, options);
  return await program.ended();
}
