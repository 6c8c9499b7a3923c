import type { WorkflowOutput } from "../../judge/mod.ts";

/** Stands where workflows run elsewhere and only the judge is asked: it leaves everything open. */
export default function leaveOpen(): WorkflowOutput {
  return {};
}
