/**
 * ASTuner tunes the language model behind an agent by reinforcement learning.
 *
 * `tune` runs an agent on tasks, again and again, and improves the weights of its model. An agent is
 * a file of its own, run in a fence; it is handed the task and an OpenAI-compatible endpoint:
 *
 * ```ts ignore
 * // agent.ts
 * import { Workflow } from "https://…/mod.ts";
 *
 * export default class extends Workflow {
 *   async execute(task, tuner) {
 *     const client = new OpenAI({ baseURL: tuner.baseUrl, apiKey: tuner.apiKey });
 *     …
 *     return { reward: answer === task.metadata.answer ? 1 : 0 };
 *   }
 * }
 *
 * // main.ts
 * import { openView, tune } from "https://…/mod.ts";
 *
 * using view = openView();
 * const { run } = await tune({
 *   model: "./model",
 *   workflow: new URL("./agent.ts", import.meta.url),
 *   tasks: [{ query: "1 + 1?", answer: 2 }],
 *   settings: { train: { steps: 50 } },
 *   view,
 * });
 * ```
 *
 * @module
 */
import type { Summary, TuneOptions } from "./src/launcher/mod.ts";

/**
 * Improves the model behind an agent by reinforcement learning, as the `train` command does.
 *
 * @throws {UserError} If something named cannot be used, or too many episodes fail.
 */
export async function tune(options: TuneOptions): Promise<Summary> {
  // Loaded when it is called: a workflow that imports this file needs none of it in its fence.
  const launcher = await import("./src/launcher/mod.ts");
  return await launcher.tune(options);
}

export * from "./src/errors.ts";
export * from "./src/judge/mod.ts";
export { openView } from "./src/monitor/mod.ts";
export type {
  Evaluation,
  MemoryUse,
  OpenViewOptions,
  RunEvent,
  Stage,
  StepRecord,
  View,
} from "./src/monitor/mod.ts";
export * from "./src/reader/mod.ts";
export type { Summary, Tasks, TuneOptions } from "./src/launcher/mod.ts";
export { Workflow, workflowJsonSchemas } from "./src/runner/mod.ts";
export type { Endpoint, Tuner, WorkflowFunction } from "./src/runner/mod.ts";
