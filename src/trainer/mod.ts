/**
 * The update: rewards to advantages, advantages and logprobs to a loss, its derivatives to a step.
 *
 * `update` improves a `Policy` by one batch of groups. GRPO is the default; the other algorithms are
 * named options of the same code (`algorithm`). The losses are plain TypeScript over terms; the
 * policy on the GPU turns their derivatives into weight gradients.
 *
 * This room samples nothing, stores nothing and does not decide when to stop: rollout makes the
 * groups, the tracker their batches, the backbone loops, syncs and saves.
 *
 * @module
 */

export type { ImportanceKind, SequenceMask } from "./_importance_weights.ts";
export type { KlEstimator } from "./_kl_estimate.ts";
export { advantages } from "./advantages.ts";
export type {
  AdvantageKind,
  AdvantagesOptions,
  GroupAdvantages,
} from "./advantages.ts";
export { agentMetrics } from "./agent_metrics.ts";
export { algorithm } from "./algorithm.ts";
export type { Algorithm, AlgorithmName } from "./algorithm.ts";
export { policyLoss } from "./policy_loss.ts";
export type {
  PolicyLoss,
  PolicyLossOptions,
  TermScores,
} from "./policy_loss.ts";
export { policyMetrics } from "./policy_metrics.ts";
export type { LossSums, PolicyMetrics } from "./policy_metrics.ts";
export { schedule } from "./schedule.ts";
export type { ScheduleOptions } from "./schedule.ts";
export { update } from "./update.ts";
export { adapterOfAgent, updateAdapters } from "./update_adapters.ts";
export type {
  ScoredTerms,
  TrainEpisode,
  TrainGroup,
  UpdateMetrics,
  UpdateOptions,
} from "./update.ts";
