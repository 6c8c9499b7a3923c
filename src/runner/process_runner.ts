import {
  type OutsidePlay,
  OutsideRunner,
  type OutsideWorkflow,
} from "./_outside_runner.ts";
import { WorkflowProcess } from "./_workflow_process.ts";
import type { EpisodeJob, EpisodeRunner } from "./types.ts";

/** A workflow that is a program of its own. */
export interface ProcessRunnerOptions {
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** Folder that it runs in. @default the current one */
  readonly cwd?: string;
  /** Names of environment variables that it sees besides `PATH`, `HOME` and the like. @default [] */
  readonly env?: readonly string[];
  /** Asked where the program leaves the reward open; closed with this runner. @default none */
  readonly judge?: EpisodeRunner & AsyncDisposable;
  /** Processes at the same time; other episodes wait. @default 16 */
  readonly atOnce?: number;
  /** Time between asking a cancelled process to end and killing it. @default 2 */
  readonly graceSeconds?: number;
}

/**
 * Runs each episode as a process of its own: the task in, the reward out; see `workflowJsonSchemas`.
 *
 * A foreign program cannot be fenced as Deno fences code: it runs with this program's rights, though
 * with few environment variables. It and all that it started are killed when its episode ends.
 */
export class ProcessRunner extends OutsideRunner {
  /** A runner of `options.command`. */
  constructor(options: ProcessRunnerOptions) {
    const { judge, atOnce = 16 } = options;
    super({ workflow: new ProcessWorkflow(options), judge, atOnce });
  }
}

class ProcessWorkflow implements OutsideWorkflow {
  readonly rewarding =
    'write it as the last line of standard output, such as {"reward": 1}';
  readonly #options: ProcessRunnerOptions;

  constructor(options: ProcessRunnerOptions) {
    this.#options = options;
  }

  async play(
    job: EpisodeJob,
    { signal, print, start }: OutsidePlay,
  ): Promise<unknown> {
    start();
    const { command, cwd, env = [], graceSeconds = 2 } = this.#options;
    await using process = new WorkflowProcess({
      command,
      cwd,
      env,
      job,
      print,
      graceSeconds,
    });
    return await process.result(signal);
  }
}
