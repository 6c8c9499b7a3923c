/**
 * Offline: what is done with a policy from files alone, without an agent.
 *
 * `readRollouts` and `trainOnRollouts` update a policy from recorded episodes, by the very `update` that a run takes;
 * `readExamples`, `tokenizeExample` and `fineTune` teach it by example; `scoreLines` says how likely it holds sequences.
 * Files come in as lines of JSON, each checked, with complaints that name file and line. Models, GPUs and what is
 * written at the end are the launcher's; this room works on the `Policy` and the `Tokenizer` that it is handed.
 *
 * @module
 */
export { type Example, readExamples } from "./example.ts";
export {
  fineTune,
  type FineTuneOptions,
  type FineTuneRecord,
  type FineTuneSummary,
} from "./fine_tune.ts";
export { type JsonLine, readJsonLines } from "./read_json_lines.ts";
export {
  readRollouts,
  type ReadRolloutsOptions,
  type Rollouts,
} from "./read_rollouts.ts";
export { scoreLines, type ScoreLinesOptions } from "./score_lines.ts";
export {
  type TokenizedExample,
  tokenizeExample,
  type TokenizeOptions,
} from "./tokenize_example.ts";
export {
  trainOnRollouts,
  type TrainOnRolloutsOptions,
  type TrainOnRolloutsRecord,
} from "./train_on_rollouts.ts";
