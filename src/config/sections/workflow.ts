import { z } from "../../deps/zod.ts";
import { anyPath, inputPath } from "./_path.ts";

/** The agent, and what its fence lets through; exactly one of the first four keys is set. */
export interface WorkflowConfig {
  readonly path: string | null;
  readonly command: readonly string[] | null;
  readonly url: string | null;
  readonly open: boolean;
  readonly cwd: string;
  readonly processes: number;
  readonly allow: {
    readonly net: readonly string[];
    readonly read: readonly string[];
    readonly env: readonly string[];
  };
}

/** Schema of `workflow`. */
export const workflowSchema: z.ZodType<WorkflowConfig> = z.strictObject({
  path: inputPath("./workflow.ts").nullable().default(null)
    .meta({ starter: true })
    .describe(
      "TypeScript file whose default export is the agent: a Workflow class or a function of (task, tuner). " +
        "In its place: command, url or open.",
    ),
  command: z.array(z.string()).min(1).nullable().default(null).describe(
    'A program that plays one episode, as in ["python", "agent.py"]: the task on standard input or in ' +
      "ASTUNER_TASK, the model by OPENAI_BASE_URL, OPENAI_API_KEY and OPENAI_MODEL, the reward as the last " +
      "JSON line on standard output. It is not fenced. config --workflow-schema prints both as JSON Schemas.",
  ),
  url: z.string().regex(/^https?:/).nullable().default(null).describe(
    "A service that plays an episode for each POST of {task, base_url, api_key, model}, and answers with {reward}.",
  ),
  open: z.boolean().default(false).describe(
    "Lets agents that run anywhere come for episodes: POST /v1/episodes at the gateway. Their key is " +
      "ASTUNER_OPEN_KEY of the environment, or else a new one, which is shown.",
  ),
  cwd: anyPath().default(".").describe("Folder that command runs in."),
  processes: z.int().min(1).default(16).describe(
    "Most processes of command at the same time; other episodes wait.",
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
}).superRefine(({ path, command, url, open }, context) => {
  if (path !== null || command !== null || url !== null || open) return;
  const message = "is missing";
  context.addIssue({ code: "custom", path: ["path"], message });
}).describe("The agent, and what its fence lets through.");
