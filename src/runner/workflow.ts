import type { WorkflowOutput } from "../judge/mod.ts";
import type { Task } from "../reader/mod.ts";
import type { Tuner } from "./types.ts";

/**
 * An agent as a class: make a subclass the default export of a workflow file.
 *
 * Each episode has an instance of its own, so fields may hold its state. A plain function, or any
 * class with an `execute` method, does as well.
 */
export abstract class Workflow {
  /** Runs one episode of `task` with the model behind `tuner`. */
  abstract execute(
    task: Task,
    tuner: Tuner,
  ): Promise<WorkflowOutput | number> | WorkflowOutput | number;
}
