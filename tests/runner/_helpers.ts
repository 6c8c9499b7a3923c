import { assertEquals, assertTrue } from "../assert.ts";
import type { Task } from "../../src/reader/mod.ts";
import {
  type EpisodeJob,
  type EpisodeOutcome,
  type EpisodeResult,
  type EpisodeRunner,
  Runner,
  type RunnerOptions,
} from "../../src/runner/mod.ts";

/** Path of a file in `tests/runner/agents`. */
export function agent(name: string): string {
  return new URL(`./agents/${name}`, import.meta.url).pathname;
}

/** A runner of the misbehaving agent, in one process unless told otherwise. */
export function openRunner(
  options: Partial<RunnerOptions> = {},
): Promise<Runner> {
  return Runner.open({
    workflow: agent("misbehaving.ts"),
    gateway: "127.0.0.1:9",
    processes: 1,
    ...options,
  });
}

/** A task that says what the misbehaving agent does. */
export function task(
  query: string,
  metadata: Readonly<Record<string, unknown>> = {},
  id = query,
): Task {
  return { id, query, metadata, split: "train" };
}

/** Runs one episode of `task` on `runner`. */
export function play(
  runner: EpisodeRunner,
  task: Task,
  options: Partial<EpisodeJob> = {},
): Promise<EpisodeResult> {
  return runner.run({
    task,
    endpoint: {
      baseUrl: "http://127.0.0.1:9/v1",
      apiKey: "k",
      model: "policy",
    },
    ...options,
  });
}

/** The outcome of a result that must be a finished one. */
export function finished(result: EpisodeResult): EpisodeOutcome {
  assertTrue(
    result.kind === "finished",
    result.kind === "finished" ? "" : `${result.kind}: ${result.error.message}`,
  );
  return result.outcome;
}

/** The message of a result that must be a failed one, at `stage`. */
export function failure(result: EpisodeResult, stage = "workflow"): string {
  assertTrue(result.kind === "failed", `the episode ${result.kind}`);
  assertEquals(result.error.stage, stage, result.error.message);
  return result.error.message;
}

/** Whether a process of this id is there. */
export async function isAlive(pid: number): Promise<boolean> {
  const { success } = await new Deno.Command("kill", {
    args: ["-0", `${pid}`],
    stderr: "null",
  }).output();
  return success;
}

/** Waits until a process is gone, and fails if it stays. */
export async function untilDead(pid: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (!await isAlive(pid)) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assertTrue(false, `process ${pid} is still there`);
}
