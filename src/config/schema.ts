import { z } from "../deps/zod.ts";
import {
  type CheckpointConfig,
  checkpointSchema,
} from "./sections/checkpoint.ts";
import { type DebugConfig, debugSchema } from "./sections/debug.ts";
import { type EngineConfig, engineSchema } from "./sections/engine.ts";
import { type EvalConfig, evalSchema } from "./sections/eval.ts";
import { type GatewayConfig, gatewaySchema } from "./sections/gateway.ts";
import { type JudgeConfig, judgeSchema } from "./sections/judge.ts";
import { type ModelConfig, modelSchema } from "./sections/model.ts";
import { type MonitorConfig, monitorSchema } from "./sections/monitor.ts";
import { anyPath } from "./sections/_path.ts";
import { type RolloutConfig, rolloutSchema } from "./sections/rollout.ts";
import { type TasksConfig, tasksSchema } from "./sections/tasks.ts";
import { type TrainConfig, trainSchema } from "./sections/train.ts";
import { type WorkflowConfig, workflowSchema } from "./sections/workflow.ts";

/** What a command needs that only speaks to a model: everything but an agent and its tasks. */
export interface ServeConfig {
  readonly name: string;
  readonly seed: number;
  readonly run_dir: string | null;
  readonly model: ModelConfig;
  readonly engine: EngineConfig;
  readonly gateway: GatewayConfig;
  readonly judge: JudgeConfig;
  readonly rollout: RolloutConfig;
  readonly train: TrainConfig;
  readonly eval: EvalConfig;
  readonly checkpoint: CheckpointConfig;
  readonly debug: DebugConfig;
  readonly monitor: MonitorConfig;
}

/**
 * A whole run, resolved: every default filled in, every path absolute.
 *
 * Keys are spelled as in the YAML; each is described in the schema (`astuner config --schema`).
 */
export interface Config extends ServeConfig {
  readonly workflow: WorkflowConfig;
  readonly tasks: TasksConfig;
}

const schema = z.strictObject({
  name: z.string().regex(/^[\w.-]+$/).default("run").describe(
    "Name of the run, of letters, digits, dots and dashes; names its directory.",
  ),
  seed: z.int().min(0).max(0xffffffff).default(1).describe(
    "Seed of everything random: the same seed on the same machine gives the same run.",
  ),
  run_dir: anyPath().nullable().default(null).describe(
    "Directory of the run; null makes a new one under runs/ in the current folder.",
  ),
  model: modelSchema,
  workflow: workflowSchema,
  judge: judgeSchema,
  gateway: gatewaySchema,
  tasks: tasksSchema,
  engine: engineSchema,
  rollout: rolloutSchema,
  train: trainSchema,
  eval: evalSchema,
  checkpoint: checkpointSchema,
  debug: debugSchema,
  monitor: monitorSchema,
});

/** The one schema of the YAML. */
export const configSchema: z.ZodType<Config> = schema;

/** The same schema for commands that run no workflow: `workflow` and `tasks` may be left out. */
export const serveSchema: z.ZodType<ServeConfig> = schema.partial({
  workflow: true,
  tasks: true,
});
