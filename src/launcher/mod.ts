/**
 * Launcher: starts and stops what a command needs.
 *
 * It opens, in order, the model folder, the GPU, the gateway, the runner, the trainer and the run
 * directory, hands them to the backbone that the configuration names, and closes them in reverse,
 * also when something fails on the way. It decides nothing about training, and prints nothing:
 * what happens goes to the caller's `View`.
 *
 * @module
 */
export { evaluate } from "./evaluate.ts";
export {
  type ExportedModel,
  exportModel,
  type ExportModelOptions,
} from "./export_model.ts";
export {
  type FineTuned,
  fineTuneModel,
  type FineTuneModelOptions,
} from "./fine_tune_model.ts";
export { MODEL_COMMANDS, type ModelCommand, planRun } from "./plan_run.ts";
export { localModel } from "./local_model.ts";
export { type Chat, openChat, type SayOptions } from "./open_chat.ts";
export {
  type Debugger,
  type DebugRunOptions,
  openDebugger,
} from "./open_debugger.ts";
export { score } from "./score.ts";
export { serve, type ServeOptions, type Server } from "./serve.ts";
export { train } from "./train.ts";
export { tune } from "./tune.ts";
export type { Tasks, TuneOptions } from "./tune.ts";
export type * from "./types.ts";
export {
  updateFromRollouts,
  type UpdateFromRolloutsOptions,
} from "./update_from_rollouts.ts";
