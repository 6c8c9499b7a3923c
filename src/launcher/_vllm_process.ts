import { UserError } from "../errors.ts";

/** A server to start. */
export interface VllmProcessOptions {
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** Variables beside those of this process. */
  readonly env: Readonly<Record<string, string>>;
  /** Where it will listen, without a path. */
  readonly url: string;
  /** How long it may take until it answers. */
  readonly readySeconds: number;
  /** Told each second of waiting how many there were. */
  readonly onWait: (seconds: number) => void;
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
}

/** Characters of the log that are shown when it fails. */
const TAIL = 3000;
/** How long it may take to end before it is killed. */
const GRACE_MS = 15_000;
const LOOK_MS = 1000;

/** A vLLM server of our own, in a process group of its own, which ends with what holds it. */
export class VllmProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #logs: Promise<unknown>;
  /** Where this process ends with it still there. */
  readonly #onUnload = () => this.#signal("SIGKILL");
  #tail = "";
  #ended: Deno.CommandStatus | undefined;

  private constructor(
    { command: [program, ...args], env }: VllmProcessOptions,
  ) {
    this.#child = new Deno.Command(program!, {
      args,
      env,
      // Ctrl-C is for us: the server ends when the run has.
      detached: true,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { stdout, stderr, status } = this.#child;
    this.#logs = Promise.all([this.#read(stdout), this.#read(stderr)]);
    status.then((status) => this.#ended = status);
    addEventListener("unload", this.#onUnload);
  }

  /**
   * Starts a server and waits until it answers.
   *
   * @throws {UserError} If it cannot be started, ends or takes too long; with the end of its log.
   * @throws The reason of `signal`.
   */
  static async start(options: VllmProcessOptions): Promise<VllmProcess> {
    const started = spawn(options);
    try {
      await started.#ready(options);
      return started;
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw error;
    }

    function spawn(options: VllmProcessOptions): VllmProcess {
      try {
        return new VllmProcess(options);
      } catch (cause) {
        throw new UserError(
          `Cannot start ${options.command[0]}: ${
            (cause as Error).message
          }; install vLLM, or name its program in engine.spawn.command`,
          { cause },
        );
      }
    }
  }

  /** Asks its whole group to end, and kills what does not. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal("SIGTERM");
    const timer = setTimeout(() => this.#signal("SIGKILL"), GRACE_MS);
    await this.#child.status;
    clearTimeout(timer);
    this.#signal("SIGKILL");
    removeEventListener("unload", this.#onUnload);
    await this.#logs;
  }

  async #ready(
    { url, command, readySeconds, onWait, signal: end }: VllmProcessOptions,
  ): Promise<void> {
    const words = command.join(" ");
    for (let seconds = 0; seconds < readySeconds; seconds++) {
      end?.throwIfAborted();
      if (this.#ended !== undefined) {
        await this.#logs;
        const { code, signal } = this.#ended;
        const how = signal === null ? `exit code ${code}` : signal;
        throw new UserError(
          `vLLM ended with ${how} before it answered: ${words}${this.#log()}`,
        );
      }
      if (await isWell(url, end)) return;
      onWait(seconds);
      await pause(LOOK_MS, end);
    }
    throw new UserError(
      `vLLM has not answered for ${readySeconds} s, as long as engine.spawn.ready allows: ${words}${this.#log()}`,
    );
  }

  #log(): string {
    const text = this.#tail.trim();
    return text === "" ? "" : `\nIts log ends with:\n${text}`;
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.#tail = (this.#tail + text).slice(-TAIL);
    }
  }

  #signal(signal: Deno.Signal): void {
    try {
      if (Deno.build.os === "windows") this.#child.kill(signal);
      else Deno.kill(-this.#child.pid, signal);
    } catch {
      // All of it has ended by itself.
    }
  }
}

/** Whether a server answers at `url` that it is well; false where `end` aborted first. */
export async function isWell(url: string, end?: AbortSignal): Promise<boolean> {
  const late = AbortSignal.timeout(10_000);
  try {
    const response = await fetch(`${url}/health`, {
      signal: end ? AbortSignal.any([late, end]) : late,
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/** Waits; until `end` aborts at the latest. */
function pause(ms: number, end?: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const onAbort = () => resolve();
  end?.addEventListener("abort", onAbort, { once: true });
  return promise.finally(() => {
    clearTimeout(timer);
    end?.removeEventListener("abort", onAbort);
  });
}
