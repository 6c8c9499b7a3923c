import { EpisodeError, UserError } from "../errors.ts";
import { AnswerFinder } from "./_answer_finder.ts";
import { explain } from "./_explain.ts";
import { traceback } from "./_traceback.ts";
import type { EpisodeJob } from "./types.ts";

/** A process to start for an episode. */
export interface WorkflowProcessOptions {
  readonly command: readonly string[];
  readonly cwd: string | undefined;
  /** Names of variables that are passed on. */
  readonly env: readonly string[];
  readonly job: EpisodeJob;
  readonly print: (text: string) => void;
  readonly graceSeconds: number;
}

/** What programs need to find themselves and their libraries. */
const COMMON_ENV = [
  "PATH",
  "HOME",
  "LANG",
  "LC_ALL",
  "TMPDIR",
  "VIRTUAL_ENV",
  "PYTHONPATH",
  "LD_LIBRARY_PATH",
  "USERPROFILE",
  "SystemRoot",
];

/** A longer task is on standard input alone: Linux refuses longer variables. */
const MAX_TASK_VARIABLE = 100_000;

/** Characters of standard error that an error is explained from. */
const STDERR_TAIL = 16 * 1024;

/** A process of an episode, with everything that it starts in turn: one process group. */
export class WorkflowProcess implements AsyncDisposable {
  readonly #options: WorkflowProcessOptions;
  readonly #child: Deno.ChildProcess;
  readonly #streams: Promise<unknown>;
  readonly #answer = new AnswerFinder();
  /** Lets go of streams that others hold open. */
  readonly #abandoned = new AbortController();
  #stderr = "";

  /** @throws {UserError} If there is no such program. */
  constructor(options: WorkflowProcessOptions) {
    this.#options = options;
    this.#child = spawn(options);
    this.#streams = Promise.all([
      this.#writeTask(),
      this.#readOutput(),
      this.#readErrors(),
    ]);
  }

  /**
   * What the process wrote as its last line of JSON, once it has ended.
   *
   * @throws {EpisodeError} If it ended with another exit code than 0.
   * @throws The reason of `signal`.
   */
  async result(signal: AbortSignal): Promise<unknown> {
    const aborted = Promise.withResolvers<never>();
    const abort = () => aborted.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    try {
      const status = await Promise.race([this.#child.status, aborted.promise]);
      // What it left behind would keep the streams open.
      this.#signal("SIGKILL");
      await this.#drain();
      if (!status.success) throw this.#failure(status);
      return this.#answer.end();
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** Asks the whole group to end, kills what is left of it, and waits until it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal("SIGTERM");
    const timer = setTimeout(
      () => this.#signal("SIGKILL"),
      this.#options.graceSeconds * 1000,
    );
    await this.#child.status;
    clearTimeout(timer);
    this.#signal("SIGKILL");
    await this.#drain();
  }

  /** Reads the rest; what has left the group, as daemons do, may hold the streams open for ever. */
  async #drain(): Promise<void> {
    const timer = setTimeout(
      () => this.#abandoned.abort(),
      this.#options.graceSeconds * 1000,
    );
    await this.#streams;
    clearTimeout(timer);
  }

  #signal(signal: Deno.Signal): void {
    try {
      if (Deno.build.os === "windows") this.#child.kill(signal);
      else Deno.kill(-this.#child.pid, signal);
    } catch {
      // All of it has ended by itself.
    }
  }

  async #writeTask(): Promise<void> {
    const json = `${JSON.stringify(this.#options.job.task)}\n`;
    // A program need not read what it also finds in its environment.
    await new Blob([json]).stream().pipeTo(this.#child.stdin).catch(() => {});
  }

  async #readOutput(): Promise<void> {
    for await (const text of this.#texts(this.#child.stdout)) {
      this.#options.print(text);
      this.#answer.push(text);
    }
  }

  async #readErrors(): Promise<void> {
    for await (const text of this.#texts(this.#child.stderr)) {
      this.#stderr = (this.#stderr + text).slice(-STDERR_TAIL);
      this.#options.print(text);
    }
  }

  async *#texts(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
    const { signal } = this.#abandoned;
    const decoder = new TextDecoderStream();
    try {
      yield* stream.pipeThrough<string>(decoder, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #failure({ signal, code }: Deno.CommandStatus): EpisodeError {
    const { command, cwd, env } = this.#options;
    const how = signal === null
      ? `ended with exit code ${code}`
      : `was killed by ${signal}`;
    const words = traceback(this.#stderr, cwd ?? Deno.cwd());
    const message = `${command[0]} ${how}${words && `: ${words}`}`;
    return new EpisodeError("workflow", explain(message, { env }));
  }
}

function spawn(
  { command, cwd, env, job }: WorkflowProcessOptions,
): Deno.ChildProcess {
  const [program, ...args] = command;
  const { baseUrl, apiKey, model } = job.endpoint;
  const task = JSON.stringify(job.task);
  try {
    return new Deno.Command(program!, {
      args,
      clearEnv: true,
      env: {
        ...passedOn([...COMMON_ENV, ...env]),
        PYTHONUNBUFFERED: "1",
        OPENAI_BASE_URL: baseUrl,
        OPENAI_API_BASE: baseUrl, // an older name, still read by some
        OPENAI_API_KEY: apiKey,
        OPENAI_MODEL: model,
        ANTHROPIC_BASE_URL: baseUrl,
        ANTHROPIC_API_KEY: apiKey,
        ...(task.length <= MAX_TASK_VARIABLE && { ASTUNER_TASK: task }),
      },
      ...(cwd !== undefined && { cwd }),
      // A group of its own, so that whatever it starts ends with it, and Ctrl-C does not reach it.
      detached: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UserError(
      `Cannot start the workflow's program "${program}": ${reason}. ` +
        "Correct workflow.command in the YAML",
      { cause },
    );
  }
}

function passedOn(names: readonly string[]): Record<string, string> {
  const values = names.map((name) => [name, Deno.env.get(name)] as const);
  return Object.fromEntries(
    values.filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
