/**
 * Config: one schema for the whole YAML, loaded, checked and explained.
 *
 * `loadConfig` reads a YAML file and the flags that change it, fills in every default, makes every
 * path absolute, and refuses what is unknown, of the wrong type or impossible, saying where it
 * stands. Keys keep their YAML spelling (`snake_case`) in the program, so that what a user writes
 * and what the code reads are the same words. Each section has a file under `sections/`, its type
 * beside its schema. Nothing here starts anything; whoever asked for a config owns it.
 *
 * @module
 */
export { adapterOf } from "./adapter_of.ts";
export { algorithmOf } from "./algorithm_of.ts";
export { configJsonSchema } from "./config_json_schema.ts";
export { configYaml } from "./config_yaml.ts";
export { defaultsYaml } from "./defaults_yaml.ts";
export {
  loadConfig,
  type LoadConfigOptions,
  loadServeConfig,
} from "./load_config.ts";
export { engineUrls } from "./engine_urls.ts";
export { flagOverride, type Override, parseSet } from "./override.ts";
export { optimizerOf } from "./optimizer_of.ts";
export { probeBoundOf } from "./probe_bound_of.ts";
export { refillsOf } from "./refills_of.ts";
export type { Config, ServeConfig } from "./schema.ts";
export type { AlgorithmConfig } from "./sections/algorithm.ts";
export type { CheckpointConfig } from "./sections/checkpoint.ts";
export type { DebugConfig } from "./sections/debug.ts";
export type { EngineConfig } from "./sections/engine.ts";
export type { EvalConfig } from "./sections/eval.ts";
export type { GatewayConfig } from "./sections/gateway.ts";
export type { JudgeConfig } from "./sections/judge.ts";
export type { LoraConfig } from "./sections/lora.ts";
export type { ModelConfig } from "./sections/model.ts";
export type { MonitorConfig } from "./sections/monitor.ts";
export type { RolloutConfig } from "./sections/rollout.ts";
export type { TasksConfig } from "./sections/tasks.ts";
export type { TrainConfig } from "./sections/train.ts";
export type { WorkflowConfig } from "./sections/workflow.ts";
