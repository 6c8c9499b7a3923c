import { z } from "../../deps/zod.ts";
import { anyPath, inputPath } from "./_path.ts";

/** The agent, and what its fence lets through. */
export interface WorkflowConfig {
  readonly path: string;
  readonly allow: {
    readonly net: readonly string[];
    readonly read: readonly string[];
    readonly env: readonly string[];
  };
}

/** Schema of `workflow`. */
export const workflowSchema: z.ZodType<WorkflowConfig> = z.strictObject({
  path: inputPath("./workflow.ts").describe(
    "TypeScript file whose default export is the agent: a Workflow class or a function of (task, tuner).",
  ),
  allow: z.strictObject({
    net: z.array(z.string()).default([]).describe(
      "Hosts that the workflow and the judge may reach besides the gateway, as host or host:port.",
    ),
    read: z.array(anyPath()).default([]).describe(
      "Files and folders that they may read besides their own folders.",
    ),
    env: z.array(z.string()).default([]).describe(
      "Environment variables that they may read, such as an API key.",
    ),
  }).prefault({}).describe("What is let through the fence around user code."),
}).describe("The agent, and what its fence lets through.");
