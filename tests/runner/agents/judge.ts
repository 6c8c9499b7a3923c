import { exactMatch, type WorkflowOutput } from "../../../src/judge/mod.ts";
import type { Task } from "../../../src/reader/mod.ts";

/** Half a point for a right answer; remarks on it. */
export default function judge(
  task: Task,
  output: WorkflowOutput,
): WorkflowOutput {
  if (task.query === "judge throws") throw new RangeError("I cannot decide");
  if (task.query === "judge forgets") return {};
  return {
    reward: exactMatch(task, output) / 2,
    metadata: { remark: "judged" },
    metrics: { judged: 1 },
  };
}
